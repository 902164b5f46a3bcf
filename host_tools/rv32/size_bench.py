"""Runs on the emulated board: the heap that a firmware's imports take, and the files they load."""

import gc
import os
import sys

LIBRARY = "/lib/"
# MicroPython alone has it; the stubs of `gc` are CPython's.
mem_alloc = gc.mem_alloc  # type: ignore[attr-defined]


def measure(main: str, seams: "tuple[tuple[str, str], ...]") -> None:
    """Import `main`, and the module of the first row of each seam, a pair (module, its table).

    Prints a line `import_heap_bytes BYTES`, and a line `module PATH BYTES` for each file loaded.
    """
    gc.collect()
    before = mem_alloc()
    __import__(main)
    for name, table in seams:
        rows = getattr(__import__(name, None, None, (table,)), table)
        row = next(iter(rows.values())) if isinstance(rows, dict) else rows[0][-1]
        __import__(row if isinstance(row, str) else row[0])
    gc.collect()
    print("import_heap_bytes", mem_alloc() - before)
    for module in sys.modules.values():
        path = getattr(module, "__file__", "")
        if path.startswith(LIBRARY):
            print("module", path[len(LIBRARY) :], os.stat(path)[6])
