"""The documents name only files, targets and commands that exist; their links lead somewhere."""

import re

import pytest

from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.layout import ROOT

PAGES = sorted(page for folder in (".", "docs", "tests") for page in (ROOT / folder).glob("*.md"))
PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
FOLDERS = ("shared", "firmware", "host_tools", "tests", "docs", ".ci")


def heading_anchor(heading):
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors_of(path):
    return {heading_anchor(line) for line in re.findall(r"^#+ (.+)$", path.read_text(), re.M)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_within_the_tree_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors_of(linked), target


def named_paths(text):
    """Return the paths in code marks that begin with a folder of the tree."""
    for code in re.findall(r"`([^`\n]+)`", text):
        for word in code.split():
            path = word.split("::")[0].rstrip(",;:")
            is_pattern = "NAME" in path or "<" in path or "*" in path or "..." in path
            if path.startswith(tuple(f"{folder}/" for folder in FOLDERS)) and not is_pattern:
                yield path


@pytest.mark.parametrize("page", PRESENT, ids=lambda path: path.name)
def test_every_file_that_a_page_names_exists(page):
    for path in named_paths(page.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PRESENT, ids=lambda path: path.name)
def test_every_test_file_that_a_page_names_exists(page):
    for name in re.findall(r"`(test_\w+\.py)`", page.read_text()):
        assert (ROOT / "tests" / name).exists(), name


@pytest.mark.parametrize("page", PRESENT, ids=lambda path: path.name)
def test_every_target_and_command_that_a_page_names_exists(page):
    text = page.read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    lines = re.findall(r"`([^`\n]+)`|^    (\S.*)$", text, re.M)
    for code in (marked or indented for marked, indented in lines):
        for target in re.findall(r"^make ([a-z-]+)", code):
            assert target in targets, code
        for command in re.findall(r"^joulestream ([a-z]+)", code):
            if command not in ("keystore",):  # the label of a derived key
                assert command in COMMANDS, code
