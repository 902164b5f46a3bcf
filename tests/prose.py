"""Counts words that hide a sentence's subject, per 1,000 words of comments and documents.

    build/venv/bin/python tests/prose.py [FOLDER ...]

Prints a line for each file that has any, the worst first, and one for each folder. Text in
backticks, code blocks and code itself are not counted: only sentences are.
"""

import ast
import io
import re
import sys
import tokenize

from joulestream.host_tools.layout import ROOT

FOLDERS = ("firmware", "shared", "host_tools", "tests", "docs")
MOST_PER_1000 = 2
_HIDING = re.compile(r"\b(?:what|who|whoever|whose)\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_C_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def python_text(source):
    """Return the comments and docstrings of Python code."""
    parts = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            parts.append(token.string.lstrip("#! "))
    has_docstring = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, has_docstring):
            parts.append(ast.get_docstring(node) or "")
    return "\n".join(parts)


def c_text(source):
    """Return the comments of C code."""
    return "\n".join(_C_COMMENT.findall(source))


READERS = {".py": python_text, ".c": c_text, ".h": c_text, ".md": str}


def counts(path):
    """Return how many words of a file's sentences hide a subject, and how many words there are."""
    text = _CODE.sub(" ", READERS[path.suffix](path.read_text()))
    return len(_HIDING.findall(text)), len(_WORD.findall(text))


def files(folder, root=ROOT):
    """Return the files of a folder that hold sentences."""
    found = (path for path in (root / folder).rglob("*") if path.suffix in READERS)
    return sorted(path for path in found if "__pycache__" not in path.parts)


def rate(found):
    """Return the rate per 1,000 words of an iterable of counts."""
    hiding, words = map(sum, zip((0, 0), *found))
    return 1000 * hiding / max(words, 1)


def main():
    """Print the figures of the folders named, or of all."""
    rows, totals = [], []
    for folder in sys.argv[1:] or FOLDERS:
        found = {path: counts(path) for path in files(folder)}
        rows += [(rate([row]), *row, path) for path, row in found.items() if row[0]]
        totals.append((rate(found.values()), folder))
    for per_1000, hiding, words, path in sorted(rows, reverse=True):
        print(f"{per_1000:6.1f}  {hiding:4} of {words:6,} words  {path.relative_to(ROOT)}")
    for per_1000, folder in totals:
        print(f"{per_1000:6.1f}  all of {folder}")


if __name__ == "__main__":
    main()
