"""Every reason that a firmware can show has a meaning and a first thing to do."""

import re
from pathlib import Path

from joulestream import errors
from joulestream.host_tools import troubleshooting
from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.layout import ROOT
from joulestream.pole import charger, loop

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()


def test_every_reason_has_a_remedy():
    assert sorted(troubleshooting.REMEDIES) == troubleshooting.codes()
    for code in troubleshooting.codes():
        advice = troubleshooting.advice(errors.reason_name(code))
        assert advice.endswith(".") and "\n" not in advice


def test_the_states_of_a_pole_that_does_not_charge_have_one_too():
    source = Path(charger.__file__).read_text()
    words = re.findall(r'"([A-Z]+_[A-Z_]+)"', source)
    assert "VEHICLE_NOT_READY" in words
    assert {loop.WAITING_FOR_PAYMENT, loop.IDLE, *words} <= set(troubleshooting.STATES)
    assert troubleshooting.advice("NO_SUCH_REASON") == ""


def test_the_page_has_the_table_of_the_source():
    """`make bench-docs` writes it."""
    assert troubleshooting.table() in PAGE


def test_advice_names_commands_that_exist():
    for command in re.findall(r"`joulestream (\w+)", PAGE):
        assert command in COMMANDS
