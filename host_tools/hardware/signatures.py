"""Names and arguments of MicroPython's ports, from two independent sources.

The published stubs (PyPI, checked by hash) tell names, arguments and constants. The tables of
arguments in the port's own C source tell which keywords it takes. A call passes if both agree.
"""

import ast
import re
import zipfile
from functools import cache
from typing import Any, NamedTuple

from joulestream.host_tools.build import sources

_STUBS = {"esp32": sources.ESP32_STUBS, "rp2": sources.RP2_STUBS}
_FILES = {"rp2": "rp2/__init__.pyi"}

# (port, class or method): the C file below the source's root, and the text before its table
_TABLES = {
    ("esp32", "Pin"): ("ports/esp32/machine_pin.c", "machine_pin_obj_init_helper"),
    ("esp32", "Pin.irq"): ("ports/esp32/machine_pin.c", "machine_pin_irq("),
    ("esp32", "Timer"): ("ports/esp32/machine_timer.c", "ARG_mode,"),
    ("esp32", "UART"): ("ports/esp32/machine_uart.c", "mp_machine_uart_init_helper"),
    ("esp32", "SPI"): ("ports/esp32/machine_hw_spi.c", "enum { ARG_id"),
    ("esp32", "I2C"): ("ports/esp32/machine_i2c.c", "machine_hw_i2c_make_new"),
    ("esp32", "ADC"): ("ports/esp32/machine_adc.c", "adc_init_helper"),
    ("esp32", "PWM"): ("ports/esp32/machine_pwm.c", "mp_machine_pwm_init_helper"),
    ("esp32", "WDT"): ("extmod/machine_wdt.c", "machine_wdt_make_new"),
    ("rp2", "Pin"): ("ports/rp2/machine_pin.c", "ARG_mode, ARG_pull"),
    ("rp2", "UART"): ("ports/rp2/machine_uart.c", "mp_machine_uart_init_helper"),
    ("rp2", "SPI"): ("ports/rp2/machine_spi.c", "machine_spi_make_new"),
    ("rp2", "I2C"): ("ports/rp2/machine_i2c.c", "machine_i2c_make_new"),
    ("rp2", "PWM"): ("ports/rp2/machine_pwm.c", "mp_machine_pwm_init_helper"),
    ("rp2", "WDT"): ("extmod/machine_wdt.c", "machine_wdt_make_new"),
    ("rp2", "Flash"): ("ports/rp2/rp2_flash.c", "rp2_flash_make_new"),
}
_TABLE = re.compile(r"mp_arg_t \w+\[\] = \{(.*?)\n\s*\};", re.DOTALL)
_ROW = re.compile(r"\{\s*MP_QSTR_(\w+)\s*,")


class NotInPort(BaseException):
    """A name, argument or keyword that the port lacks. No handler of a firmware hides it."""


class Signature(NamedTuple):
    """One way to call a function: an ast.arguments, and whether the first argument is `self`."""

    arguments: ast.arguments
    has_self: bool

    def takes(self, count: int, keywords: set[str]) -> bool:
        """Return whether a call with `count` positional arguments and these keywords fits."""
        arguments = self.arguments
        skip = 1 if self.has_self else 0
        ordered = [*arguments.posonlyargs, *arguments.args]
        names = [argument.arg for argument in ordered][skip:]
        only_positional = max(len(arguments.posonlyargs) - skip, 0)
        required = len(ordered) - len(arguments.defaults) - skip
        if count > len(names) and arguments.vararg is None:
            return False
        by_name = set(names[max(count, only_positional) :])
        only_keyword = {argument.arg for argument in arguments.kwonlyargs}
        needed = set(names[count:required]) | {
            argument.arg
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is None
        }
        unknown = keywords - by_name - only_keyword
        return not needed - keywords and (not unknown or arguments.kwarg is not None)


class Stub:
    """The names of one module or class of the stubs."""

    def __init__(self, name: str, body: list[ast.stmt]) -> None:
        self.name = name
        self.functions: dict[str, list[Signature]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.values: set[str] = set()
        for node in body:
            if isinstance(node, ast.FunctionDef):
                kinds = {getattr(mark, "id", "") for mark in node.decorator_list}
                has_self = "staticmethod" not in kinds and bool(name.count("."))
                signature = Signature(node.args, has_self)
                self.functions.setdefault(node.name, []).append(signature)
            elif isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                self.values.add(node.target.id)

    def child(self, name: str) -> "Stub":
        """Return the stub of a class. Raises NotInPort."""
        if name not in self.classes:
            raise NotInPort(f"{self.name} has no class {name}")
        return Stub(f"{self.name}.{name}", self.classes[name].body)

    def check_call(self, function: str, count: int, keywords: set[str]) -> None:
        """Raise NotInPort unless some signature of `function` takes these arguments."""
        if function not in self.functions:
            raise NotInPort(f"{self.name} has no {function}")
        if not any(found.takes(count, keywords) for found in self.functions[function]):
            words = ", ".join(sorted(keywords))
            raise NotInPort(f"{self.name}.{function} takes no {count} arguments and {words}")

    def check_value(self, name: str) -> None:
        """Raise NotInPort unless there is a constant or variable `name`."""
        if name not in self.values:
            raise NotInPort(f"{self.name} has no {name}")


@cache
def module_stub(port: str, module: str) -> Stub:
    """Return the stub of a module of a port. Raises NotInPort, and ToolchainError."""
    with zipfile.ZipFile(sources.download(_STUBS[port])) as archive:
        name = _FILES.get(module, f"{module}.pyi")
        if name not in archive.namelist():
            raise NotInPort(f"the port {port} has no module {module}")
        return Stub(module, ast.parse(archive.read(name)).body)


@cache
def table_keywords(port: str, name: str) -> frozenset[str] | None:
    """Return the keywords in the port's own table for a class's constructor, or for a method.

    None: the port parses these arguments without a table. Raises ToolchainError.
    """
    if (port, name) not in _TABLES:
        return None
    file, mark = _TABLES[port, name]
    text = (sources.micropython_tree() / file).read_text(encoding="utf-8")
    rest = text[text.index(mark) :]
    table = _TABLE.search(rest)
    if table is None:
        raise NotInPort(f"{file} has no table of arguments after {mark}")
    return frozenset(_ROW.findall(table[1]))


def check_keywords(port: str, name: str, keywords: dict[str, Any]) -> None:
    """Raise NotInPort if the port's table for a class or method lacks one of the keywords."""
    known = table_keywords(port, name)
    if known is not None and not keywords.keys() <= known:
        unknown = ", ".join(sorted(keywords.keys() - known))
        raise NotInPort(f"the port {port} takes no {unknown} for {name}")
