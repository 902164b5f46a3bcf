"""The device's packages with shorter names, since every name takes heap on a board.

A module that is loaded from a file keeps each of its names in the heap: the text, and 7 bytes in a
table of names that doubles its size when it is full. A name of a module takes 10 bytes more in
that module, and in each that imports it. Four kinds of names tell a board nothing:

    a private name   `_x` belongs to one module. It becomes `_a`, `_b` ... in every module, so that
                     the modules share their short names. Modules with classes that inherit from
                     each other share one list, so that no attribute of one hides another's;
    a whole number   that `const` names, where another module imports it. It becomes the number
                     itself. The definition stays, for modules that a user writes;
    an inner number  that `const` names in a module of `_INNER`, which no user's module needs. It
                     becomes private, so that the compiler stores no name;
    const            itself. The compiler knows the word without an import.

Each line keeps its number, so that a traceback on a board names the line of the source.
"""

import ast
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from joulestream.host_tools.build.shell import ToolchainError

# One edit: first and last line from 1, first and last column in bytes of UTF-8, the new text.
_Edit = tuple[int, int, int, int, str]

# Modules, or packages with a dot at the end, that keep their numbers to themselves. The meters,
# boards, links, price sources and power limits of users build on other modules.
_INNER = (
    "joulestream.channel",
    "joulestream.device.journal_blocks",
    "joulestream.device.journal_format",
    "joulestream.device.journal_keys",
    "joulestream.errors",
    "joulestream.framing",
    "joulestream.messages",
    "joulestream.pole.",
    "joulestream.session",
    "joulestream.session_tag",
    "joulestream.vehicle.",
)
_CONST = "const"
# No module imports it from another one.
_TYPE_CHECKING = "TYPE_CHECKING"

_OPERATIONS = {
    ast.Add: int.__add__,
    ast.Sub: int.__sub__,
    ast.Mult: int.__mul__,
    ast.FloorDiv: int.__floordiv__,
    ast.LShift: int.__lshift__,
    ast.RShift: int.__rshift__,
    ast.BitOr: int.__or__,
}


class _Module:
    """One source file: its text, its syntax tree, the numbers that its names stand for."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text, str(path))
        self.nodes = list(ast.walk(self.tree))
        self.imports = [node for node in self.nodes if isinstance(node, ast.ImportFrom)]
        self.numbers: dict[str, int] = {}
        self.edits: list[_Edit] = []

    def replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        """Put `text` in the place of `node`."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        # The lines that a statement took stay, so that all others keep their numbers.
        text += "\n" * (node.end_lineno - node.lineno)
        place = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        self.edits.append((*place, text))

    def edited(self) -> str:
        """Return the text with all replacements made."""
        lines = [line.encode() for line in self.text.splitlines(keepends=True)]
        for first, start, last, end, text in sorted(self.edits, reverse=True):
            tail = lines[last - 1][end:]
            lines[first - 1 : last] = [lines[first - 1][:start] + text.encode() + tail]
            # One entry a line of the old text, so that the edits before this one find their lines.
            lines[first:first] = [b""] * (last - first)
        return b"".join(lines).decode()


def compact(folders: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """Return the compact texts of packages: by package, and by file name.

    Args:
        folders: the folder of each package, by its import name.
    """
    modules, files = _read(folders)
    _find_numbers(modules)
    used = {each for module in modules.values() for each in _put_numbers(module, modules)}
    for name, module in modules.items():
        _hide_numbers(module, _hidden(name, module, used))
    for family in _families(modules):
        _shorten([modules[name] for name in family])
    texts: dict[str, dict[str, str]] = {package: {} for package in folders}
    for name, (package, file) in files.items():
        texts[package][file] = modules[name].edited()
    return texts


def with_numbers(sources: Iterable[Path], folders: Mapping[str, Path]) -> dict[Path, str]:
    """Return the texts of programs that run beside compact packages, which lack some numbers.

    Args:
        sources: the programs.
        folders: the folder of each package, by its import name.

    Raises:
        ToolchainError: a program also uses the name of such a number, or of its module, for
            something else, so that the number cannot take its place.
    """
    programs = {str(path): _Module(path) for path in sources}
    packages = _read(folders)[0]
    modules = {**packages, **programs}
    _find_numbers(modules)
    used = {each for module in packages.values() for each in _put_numbers(module, modules)}
    for path, program in programs.items():
        for name, number in _put_numbers(program, modules):
            if number in _hidden(name, modules[name], used):
                raise ToolchainError(
                    f"{path}: no board has {name}.{number}, and its name stands for something"
                    f" else here too; import it under another name"
                )
    return {Path(name): program.edited() for name, program in programs.items()}


def _read(folders: Mapping[str, Path]) -> tuple[dict[str, _Module], dict[str, tuple[str, str]]]:
    """Return the modules of packages by name, and the package and the file name of each."""
    modules: dict[str, _Module] = {}
    files: dict[str, tuple[str, str]] = {}
    for package, folder in folders.items():
        for path in sorted(folder.glob("*.py")):
            name = package if path.stem == "__init__" else f"{package}.{path.stem}"
            modules[name] = _Module(path)
            files[name] = (package, path.name)
    return modules, files


def _find_numbers(modules: Mapping[str, _Module]) -> None:
    """Find the whole numbers that names of `const` stand for, imported ones too."""
    done: set[str] = set()

    def find(name: str) -> None:
        if name in done:
            return
        done.add(name)
        module = modules[name]
        for statement in module.imports:
            source = statement.module or ""
            if source in modules:
                find(source)
                known = modules[source].numbers
                for alias in statement.names:
                    if alias.name in known:
                        module.numbers[alias.asname or alias.name] = known[alias.name]
        for target, value in _definitions(module):
            number = _number(value, module.numbers)
            if number is not None:
                module.numbers[target] = number

    for name in modules:
        find(name)


def _definitions(module: _Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield name and expression of each `NAME = const(expression)` of the module itself."""
    for node in module.tree.body:
        match node:
            case ast.Assign([ast.Name(target)], ast.Call(ast.Name(word), [value])) if (
                word == _CONST
            ):
                yield target, value


def _number(node: ast.expr, known: Mapping[str, int]) -> int | None:
    """Return the whole number that an expression of numbers and known names stands for."""
    match node:
        case ast.Constant(int(value)) if not isinstance(value, bool):
            return value
        case ast.Name(name):
            return known.get(name)
        case ast.UnaryOp(ast.USub(), operand):
            positive = _number(operand, known)
            return None if positive is None else -positive
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATIONS:
            first, second = _number(left, known), _number(right, known)
            if first is not None and second is not None:
                return _OPERATIONS[type(operator)](first, second)
    return None


def _put_numbers(module: _Module, modules: Mapping[str, _Module]) -> set[tuple[str, str]]:
    """Replace imported names of numbers, and leave them out of the imports.

    Returns:
        The numbers that the module still needs by name: pairs of a module's name and theirs.
    """
    imported = {
        alias.asname or alias.name
        for statement in module.imports
        if statement.module in modules
        for alias in statement.names
    }
    bound = {name for node in module.nodes for name in _bound(node)}
    numbers = {name: module.numbers[name] for name in imported & set(module.numbers) - bound}
    sources = {
        alias.asname or alias.name: f"{statement.module}.{alias.name}"
        for statement in module.imports
        for alias in statement.names
        if f"{statement.module}.{alias.name}" in modules
    }
    used: set[tuple[str, str]] = set()
    for node in module.nodes:
        match node:
            case ast.Name(name, ast.Load()) if name in numbers:
                module.replace(node, _literal(numbers[name]))
            case ast.Attribute(ast.Name(alias), name, ast.Load()) if alias in sources:
                source = modules[sources[alias]]
                if name in source.numbers and alias not in bound:
                    module.replace(node, _literal(source.numbers[name]))
                else:
                    used.add((sources[alias], name))
    needless = {*numbers, *_needless_const(module)}
    for statement in module.imports:
        if statement.module is None or statement.module not in modules:
            continue
        kept = [alias for alias in statement.names if (alias.asname or alias.name) not in needless]
        used |= {(statement.module, alias.name) for alias in kept}
        if len(kept) < len(statement.names):
            names = ", ".join(map(ast.unparse, kept))
            module.replace(
                statement, f"from {statement.module} import {names}" if kept else "pass"
            )
    return used


def _needless_const(module: _Module) -> set[str]:
    """Return the name `const` if the module uses it in definitions alone.

    The compiler knows it there.
    """
    definitions = {
        id(node.value.func)
        for node in module.nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
    }
    for node in module.nodes:
        if isinstance(node, ast.Name) and node.id == _CONST and id(node) not in definitions:
            return set()
    return {_CONST}


def _hidden(name: str, module: _Module, used: set[tuple[str, str]]) -> set[str]:
    """Return the names of the module's numbers that no other module can need.

    Args:
        name: the module's name.
        module: the module.
        used: the numbers that a module needs by name, as `_put_numbers` returns them.
    """
    is_inner = any(
        name.startswith(inner) if inner.endswith(".") else name == inner for inner in _INNER
    )
    bound = Counter(name for node in module.nodes for name in _bound(node))
    return {
        target
        for target, _ in _definitions(module)
        if target in module.numbers
        and not target.startswith("_")
        and (is_inner or target == _TYPE_CHECKING)
        and bound[target] == 1
        and f"_{target}" not in module.text
        and (name, target) not in used
    }


def _hide_numbers(module: _Module, hidden: set[str]) -> None:
    """Make the names of these numbers private: the compiler stores none of them."""
    for node in module.nodes:
        match node:
            case ast.Name(target, ast.Store()) if target in hidden:
                module.replace(node, f"_{target}")
            case ast.Name(target, ast.Load()) if target in hidden:
                module.replace(node, _literal(module.numbers[target]))


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds in its scope."""
    match node:
        case ast.Name(name, ast.Store() | ast.Del()) | ast.arg(name):
            yield name
        case ast.FunctionDef(name) | ast.ClassDef(name):
            yield name
        case ast.ExceptHandler(name=str(name)):
            yield name


def _literal(number: int) -> str:
    return str(number) if number >= 0 else f"({number})"


def _families(modules: Mapping[str, _Module]) -> Iterable[list[str]]:
    """Return the modules in groups: classes inherit only from classes of their own group."""
    family = {name: {name} for name in modules}
    for name, module in modules.items():
        origins = {
            alias.asname or alias.name: origin
            for statement in module.imports
            for alias in statement.names
            for origin in (f"{statement.module}.{alias.name}", statement.module)
            if origin in modules
        }
        for node in module.nodes:
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                while isinstance(base, ast.Attribute):
                    base = base.value
                origin = origins.get(base.id) if isinstance(base, ast.Name) else None
                if origin is not None and family[origin] is not family[name]:
                    family[name] |= family[origin]
                    for member in family[origin]:
                        family[member] = family[name]
    return {id(names): sorted(names) for names in family.values()}.values()


def _shorten(modules: list[_Module]) -> None:
    """Give the private names of these modules short ones."""
    defined: Counter[str] = Counter()
    seen: set[str] = set()
    for module in modules:
        for node in module.nodes:
            names = list(_bound(node))
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                names.append(node.attr)
            defined.update(names)
        # Of all words in the texts, those in strings too: a short name is none of them.
        seen.update(re.findall(r"\b_\w+", module.text))
    fixed = {name for module in modules for node in module.nodes for name in _fixed(node)}
    private = [name for name in sorted(defined) if re.match(r"_[^_]", name) and name not in fixed]
    free = (name for name in _short_names() if name not in seen)
    short = {name: next(free) for name in sorted(private, key=lambda name: -defined[name])}
    for module in modules:
        for node in module.nodes:
            _rename(module, node, short)


def _fixed(node: ast.AST) -> Iterator[str]:
    """Yield names that a node holds in places that `_rename` does not know."""
    match node:
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.Global(names) | ast.Nonlocal(names):
            yield from names
        case ast.alias(name, asname):
            yield asname or name


def _rename(module: _Module, node: ast.AST, short: Mapping[str, str]) -> None:
    """Replace the name that a node holds itself, if it has a short one."""
    match node:
        case ast.Name(name) if name in short:
            _put(module, node.lineno, node.col_offset, name, short)
        case ast.Attribute(_, name) if name in short:
            assert node.end_lineno is not None and node.end_col_offset is not None
            _put(module, node.end_lineno, node.end_col_offset - len(name), name, short)
        case ast.arg(name) if name in short:
            _put(module, node.lineno, node.col_offset, name, short)
        case ast.keyword(str(name)) if name in short:
            _put(module, node.lineno, node.col_offset, name, short)
        case ast.FunctionDef(name) | ast.ClassDef(name) if name in short:
            line = module.text.splitlines()[node.lineno - 1].encode()
            _put(module, node.lineno, line.index(name.encode(), node.col_offset), name, short)


def _put(module: _Module, line: int, column: int, name: str, short: Mapping[str, str]) -> None:
    module.edits.append((line, column, line, column + len(name), short[name]))


def _short_names() -> Iterator[str]:
    """Yield _a, _b ... _Z, _aa, _ab ..."""
    letters = string.ascii_letters
    yield from (f"_{letter}" for letter in letters)
    yield from (f"_{first}{second}" for first in letters for second in letters)
