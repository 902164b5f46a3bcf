"""Every reason that a firmware can show has a meaning and a first thing to do."""

from joulestream import errors
from joulestream.host_tools import troubleshooting
from joulestream.host_tools.layout import ROOT
from joulestream.pole import loop

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()


def test_every_reason_has_a_remedy():
    assert sorted(troubleshooting.REMEDIES) == troubleshooting.codes()
    for code in troubleshooting.codes():
        advice = troubleshooting.advice(errors.reason_name(code))
        assert advice.endswith(".") and "\n" not in advice


def test_the_states_of_a_pole_that_does_not_charge_have_one_too():
    assert {loop.WAITING_FOR_PAYMENT, loop.CONTACTOR_RESTS, loop.IDLE} <= set(
        troubleshooting.STATES
    )
    assert troubleshooting.advice("NO_SUCH_REASON") == ""


def test_the_page_has_the_table_of_the_source():
    """`make bench-docs` writes it."""
    assert troubleshooting.table() in PAGE


def test_advice_names_commands_that_exist():
    import re

    from joulestream.host_tools.commands import COMMANDS

    for command in re.findall(r"`joulestream (\w+)", PAGE):
        assert command in COMMANDS or command == "monitor", command
