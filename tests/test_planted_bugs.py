"""A bug of each kind, planted, is seen by the test named for it; the documents list them."""

from pathlib import Path

import pytest

from planted_bugs import BUGS, ROOT, is_seen


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_seen(bug):
    assert is_seen(bug)


def test_the_document_lists_every_bug():
    text = Path(ROOT / "docs" / "security.md").read_text()
    for bug in BUGS:
        file, name = bug.test.split("::")
        row = f"| {bug.name} | `{bug.path}` | `{name}` in `{Path(file).name}` |"
        assert row in text, row
