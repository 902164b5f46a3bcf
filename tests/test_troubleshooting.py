"""docs/troubleshooting.md has the reasons of the source, and names commands that exist."""

import re

from joulestream.host_tools import troubleshooting
from joulestream.host_tools.board_bench.checks import CHECKS
from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.layout import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()


def test_the_page_has_the_table_of_the_source():
    """`make bench-docs` writes it."""
    assert troubleshooting.table() in PAGE


def test_a_remedy_names_commands_and_checks_that_exist():
    words = re.findall(r"joulestream (\w+)", PAGE)
    assert "bench" in words and set(words) <= set(COMMANDS)
    checks = re.findall(r"joulestream bench run (\w+)", troubleshooting.table())
    assert "gate" in checks and set(checks) <= {check.name for check in CHECKS}
