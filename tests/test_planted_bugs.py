"""A bug of each kind, planted, is seen by the test named for it; the documents list them."""

from pathlib import Path

import pytest

from planted_bugs import BUGS, ROOT, Copy


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    """A copy of the tree; each pytest worker has its own."""
    return Copy(tmp_path_factory.mktemp("planted") / "tree")


def test_without_a_bug_all_these_tests_pass_in_a_copy(copy):
    assert copy.passes(*sorted({bug.test for bug in BUGS}))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_seen(copy, bug):
    assert copy.sees(bug)


def test_the_document_lists_every_bug():
    text = Path(ROOT / "docs" / "security.md").read_text()
    for bug in BUGS:
        file, name = bug.test.split("::")
        row = f"| {bug.name} | `{bug.path}` | `{name}` in `{Path(file).name}` |"
        assert row in text, row
