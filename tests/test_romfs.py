"""Firmwares run from a ROMFS, in the heaps of chips."""

import fcntl
import re

import pytest
from mpremote.romfs import make_romfs

from joulestream.host_tools.benchmarks import fit, packages, recorded_session, size
from joulestream.host_tools.build.frozen import build_native_board
from joulestream.host_tools.build.romfs import ROLES, library_files, make_image, role_image
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.emulator import HEAPS, EmulatedBoard
from joulestream.host_tools.layout import BUILD, ROOT
from test_on_board import built  # noqa: F401 - a fixture

# With the other tests on this board: they share its build.
pytestmark = pytest.mark.xdist_group("emulated board")

PACKETS = 30
# Chips that a ROMFS is for. `make bench` measures every place, with a thousand packets.
CHIPS = ("_esp32c3_romfs",)
# Heap after the imports with the native module in the image. `make bench` holds the imports to the
# same limit with the module in the ROMFS.
MOST_IMPORT_HEAP = 98_304


def test_an_image_is_what_mpremote_makes_of_the_same_files(tmp_path):
    files = {
        "lib/a/b/deep.mpy": bytes(range(200)),
        "lib/a/b.mpy": b"M",
        "lib/a/c/d/deeper.mpy": b"",
        "lib/z.mpy": b"last",
        "main.py": b"print()\n",
    }
    for name, data in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert make_image(files) == make_romfs(f"{tmp_path}/tree", mpy_cross=False)
    assert make_image(dict(reversed(files.items()))) == make_image(files)


def test_the_image_of_a_role_has_neither_the_other_role_nor_the_testkit(tmp_path):
    names = ("pole/main", "vehicle/main", "testkit/pair", "units")
    files = {f"lib/joulestream/{name}.mpy": name.encode() for name in names}
    files |= {"lib/_ed25519.mpy": b"native", "licences/all.txt": b"licence"}
    image = role_image(files, "pole")
    assert b"pole/main" in image and b"units" in image and b"native" in image
    for absent in (b"vehicle", b"testkit", b"licence"):
        assert absent not in image, absent


@pytest.fixture(scope="module")
def records(built):  # noqa: F811
    """The readings of each firmware in a short session."""
    with open(BUILD / "board.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another pytest worker may be at it
        build_native_board()
    return recorded_session.record(PACKETS)


@pytest.mark.parametrize("role", ROLES)
def test_the_imports_leave_room(records, role):
    found = size.imports(packages.ROMFS_AND_MODULE, role)
    assert found["import_heap_bytes"] <= MOST_IMPORT_HEAP, found


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", CHIPS)
def test_a_session_in_the_heap_of_a_chip(records, name, role):
    place = fit.PLACES[name]
    found = fit.run(place, role, records, PACKETS)
    assert found["heap_free"] > 24_576, found
    assert found["heap_largest_block"] >= fit.RESERVE_BYTES, found


def test_a_heap_has_the_pieces_of_the_chip(built):  # noqa: F811
    firmware, _ = built
    for pieces in HEAPS.values():
        with EmulatedBoard(firmware, heap=pieces) as board:
            code = "import gc\ngc.collect()\nprint(gc.mem_free())\nbytearray(%d)"
            # A piece holds the table of its blocks too.
            free = int(board.mpremote("exec", code % (max(pieces) * 9 // 10)))
            assert sum(pieces) * 9 // 10 < free < sum(pieces)
            with pytest.raises(ToolchainError, match="MemoryError"):
                board.mpremote("exec", code % max(pieces))


IMPORTED = """
import sys
import joulestream.%s.main
from joulestream.signing import public_key
print(sys.modules["joulestream.units"].__file__, len(public_key(bytes(32))))
"""


def test_the_real_mpremote_deploys_a_romfs(built, tmp_path):  # noqa: F811
    firmware, (library, _) = built
    image = tmp_path / "pole.romfs"
    image.write_bytes(role_image(library_files(library), "pole"))
    with EmulatedBoard(firmware) as board:
        with pytest.raises(ToolchainError, match="no module named 'joulestream'"):
            board.mpremote("exec", IMPORTED % "pole")
        assert "Not a valid ROMFS" in board.mpremote("romfs", "query")
        board.mpremote("romfs", "deploy", str(image))
        printed = board.mpremote("exec", IMPORTED % "pole", resume=False)
        assert printed.split() == ["/rom/lib/joulestream/units.mpy", "32"]
        # The image is the pole's alone.
        with pytest.raises(ToolchainError, match="ImportError"):
            board.mpremote("exec", IMPORTED % "vehicle")


def test_a_traceback_from_a_romfs_names_module_and_line_of_the_source(built):  # noqa: F811
    firmware, folders, romfs = packages.parts(packages.ROMFS, "pole")
    code = "from joulestream.pole.main import main\nmain('/none.json')"
    with EmulatedBoard(firmware, folders, romfs=romfs) as board:
        with pytest.raises(ToolchainError) as caught:
            board.mpremote("exec", code)
    found = re.search(r'File "joulestream.pole.main", line (\d+), in main\r?\n', str(caught.value))
    assert found, caught.value
    source = (ROOT / "firmware" / "pole" / "main.py").read_text().splitlines()
    assert "load_config(path)" in source[int(found[1]) - 1]
