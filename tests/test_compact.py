"""The compact form of the device's packages: shorter names, the same lines, the same behaviour."""

import pytest

from joulestream.host_tools.build.compact import compact, with_numbers
from joulestream.host_tools.build.shell import ToolchainError

UNITS = """from joulestream.compat import const

PER_HOUR = const(3_600)
BELOW = const(-1)
TWICE = const(PER_HOUR * 2)
_OWN = const(7)
NAME = "text"
"""


def compacted(tmp_path, **sources):
    """Return the compact texts of the modules `sources` of the package `device`, by name."""
    folder = tmp_path / "device"
    folder.mkdir(exist_ok=True)
    for name, text in {"units": UNITS, **sources}.items():
        (folder / f"{name}.py").write_text(text)
    texts = compact({"device": folder})["device"]
    return {file.removesuffix(".py"): text for file, text in texts.items()}


def run(texts, name):
    """Run the text of a module that imports nothing any more; return its names."""
    names = {"const": int}
    exec(compile(texts[name], name, "exec"), names)
    return names


def test_private_names_become_short_ones_and_public_names_stay(tmp_path):
    text = (
        "class Meter:\n"
        "    def __init__(self, start_mwh):\n"
        "        self._total_mwh = start_mwh\n"
        "        self.total_mwh = 0\n"
        "    def _grown(self, _by_mwh=1):\n"
        "        return self._total_mwh + _by_mwh\n"
        "    def grow(self):\n"
        "        self.total_mwh = self._grown(_by_mwh=5)\n"
        "def _helper(_):\n"
        "    return Meter(3)\n"
        "meter = _helper(None)\n"
        "meter.grow()\n"
    )
    short = compacted(tmp_path, meter=text)["meter"]
    assert "_total_mwh" not in short and "_grown" not in short and "_by_mwh" not in short
    assert "_helper" not in short and "__init__" in short
    names = run({"meter": short}, "meter")
    assert names["meter"].total_mwh == 8 and names["Meter"].grow


def test_modules_share_the_same_short_names(tmp_path):
    texts = compacted(tmp_path, one="_first = []\n_first.append(1)\n", two="_other = {}\n")
    assert texts["one"] == "_a = []\n_a.append(1)\n" and texts["two"] == "_a = {}\n"


def test_a_short_name_is_no_word_that_the_module_uses(tmp_path):
    text = "_a = 1\nvalue = '_b'\n_long = 2\n"
    assert compacted(tmp_path, one=text)["one"] == "_c = 1\nvalue = '_b'\n_d = 2\n"


def test_classes_that_inherit_across_modules_keep_their_attributes_apart(tmp_path):
    base = "class Base:\n    def __init__(self):\n        self._kept = 1\n"
    child = (
        "from device.base import Base\n"
        "class Child(Base):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self._own = 2\n"
        "    def both(self):\n"
        "        return self._kept, self._own\n"
    )
    grandchild = (
        "from device import child\n"
        "class Grandchild(child.Child):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self._third = 3\n"
    )
    texts = compacted(tmp_path, base=base, child=child, grandchild=grandchild)
    joined = "\n".join(
        line
        for name in ("base", "child", "grandchild")
        for line in texts[name].replace("child.Child", "Child").splitlines()
        if not line.startswith("from")
    )
    assert "_kept" not in joined and "_own" not in joined and "_third" not in joined
    names = run({"all": joined + "\nboth = Grandchild().both()\n"}, "all")
    assert names["both"] == (1, 2)


def test_an_imported_number_stands_for_itself(tmp_path):
    text = (
        "from device import units\n"
        "from device.units import BELOW, NAME, TWICE, PER_HOUR as SECONDS\n"
        "values = (TWICE, 2 - BELOW, SECONDS, units.PER_HOUR, NAME)\n"
    )
    texts = compacted(tmp_path, one=text)
    assert texts["one"] == (
        "from device import units\n"
        "from device.units import NAME\n"
        "values = (7200, 2 - (-1), 3600, 3600, NAME)\n"
    )
    # The definitions stay for modules that a user writes.
    for line in ("PER_HOUR = const(3_600)", "BELOW = const(-1)", "TWICE = const(PER_HOUR * 2)"):
        assert line in texts["units"].splitlines()


def test_a_number_that_another_module_passes_on_is_found(tmp_path):
    texts = compacted(
        tmp_path,
        middle="from device.units import TWICE\n",
        one="from device.middle import TWICE\nvalue = TWICE\n",
    )
    assert texts["middle"] == "pass\n" and texts["one"] == "pass\nvalue = 7200\n"


def test_a_name_that_the_module_binds_itself_is_left_alone(tmp_path):
    text = (
        "from device.units import PER_HOUR\n"
        "def longest(PER_HOUR):\n"
        "    return PER_HOUR\n"
        "value = longest(5)\n"
    )
    assert compacted(tmp_path, one=text)["one"] == text


def test_every_line_keeps_its_number(tmp_path):
    text = (
        "from device.units import (\n"
        "    BELOW,\n"
        "    NAME,\n"
        "    PER_HOUR,\n"
        ")\n"
        "_price = PER_HOUR  # ä\n"
        "text = 'ö', _price, BELOW\n"
    )
    short = compacted(tmp_path, one=text)["one"]
    assert short.splitlines()[5:] == ["_a = 3600  # ä", "text = 'ö', _a, (-1)"]
    assert len(short.splitlines()) == len(text.splitlines()) and "NAME" in short


def test_a_decorated_and_an_indented_definition_are_renamed(tmp_path):
    text = (
        "def _marked(call):\n"
        "    return call\n"
        "class _Holder:\n"
        "    class _Inner:\n"
        "        @_marked\n"
        "        def _value(self):\n"
        "            return 4\n"
        "    def get(self):\n"
        "        return self._Inner()._value()\n"
        "answer = _Holder().get()\n"
    )
    short = compacted(tmp_path, one=text)["one"]
    assert "_Inner" not in short and "_value" not in short and "_marked" not in short
    assert run({"one": short}, "one")["answer"] == 4


def test_a_name_in_a_place_that_is_not_renamed_keeps_its_form_everywhere(tmp_path):
    text = (
        "_total = 0\n"
        "def grow():\n"
        "    global _total\n"
        "    try:\n"
        "        _total += 1\n"
        "        raise ValueError(5)\n"
        "    except ValueError as _error:\n"
        "        return _total, _error.args[0]\n"
        "answer = grow()\n"
    )
    assert run(compacted(tmp_path, one=text), "one")["answer"] == (1, 5)


def test_const_and_type_checking_leave_no_name(tmp_path):
    text = (
        "from joulestream.compat import const\n"
        "TYPE_CHECKING = const(0)\n"
        "if TYPE_CHECKING:\n"
        "    import nothing_like_this\n"
        "NEAR = const(5)\n"
        "double = 2 * NEAR\n"
    )
    short = compacted(tmp_path, compat="def const(value):\n    return value\n", one=text)["one"]
    assert "_TYPE_CHECKING = const(0)\nif 0:\n" in short and "NEAR = const(5)" in short
    used = "from device.compat import const\nvalues = [const(5)]\n"
    assert compacted(tmp_path, two=used)["two"] == used


def inner(tmp_path, *programs, **sources):
    """Return the compact errors.py with two numbers, and the texts of programs beside it."""
    folder = tmp_path / "joulestream"
    folder.mkdir(exist_ok=True)
    (folder / "errors.py").write_text("LATE = const(3)\nGONE = const(LATE + 1)\nlast = GONE\n")
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(text)
    paths = []
    for number, text in enumerate(programs):
        paths.append(tmp_path / f"program{number}.py")
        paths[-1].write_text(text)
    folders = {"joulestream": folder}
    texts = compact(folders)["joulestream"]
    return texts["errors.py"], list(with_numbers(paths, folders).values())


def test_a_number_of_an_inner_module_leaves_no_name(tmp_path):
    program = (
        "from joulestream import errors\n"
        "from joulestream.errors import LATE\n"
        "x = LATE, errors.GONE\n"
    )
    text, (changed,) = inner(tmp_path, program)
    assert text == "_LATE = const(3)\n_GONE = const(3 + 1)\nlast = 4\n"
    assert changed.splitlines()[1:] == ["pass", "x = 3, 4"]


def test_an_inner_number_that_is_needed_by_name_stays(tmp_path):
    user = "from joulestream import errors\ndef last(errors):\n    return errors.LATE\n"
    text, _ = inner(tmp_path, user=user)
    assert text == "LATE = const(3)\n_GONE = const(LATE + 1)\nlast = 4\n"


def test_a_program_that_needs_a_missing_number_by_name_is_refused(tmp_path):
    for program in (
        "from joulestream import errors\ndef last(errors):\n    return errors.LATE\n",
        "from joulestream.errors import LATE\ndef last(LATE):\n    return LATE\n",
    ):
        with pytest.raises(ToolchainError, match=r"program0\.py: no board has .*errors\.LATE"):
            inner(tmp_path, program)
