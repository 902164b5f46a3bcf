"""docs/architecture.md is true: each file, function and table that it names exists."""

import ast
import re

import pytest

from joulestream.host_tools.layout import ROOT, package_folders

PAGE = (ROOT / "docs" / "architecture.md").read_text()
NOT_YET_A_FILE = re.compile(r"<\w+>")


def rows(heading):
    """Return the rows of the table below a heading, each as a list of its cells."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cells):
    """Return the names in backticks of some cells."""
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def definitions(path):
    """Return the names of a file's functions and tables, and its methods as Class.method."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found


WALK = [row for row in rows("One packet, from the meter to the ledger") if row[0]]
ANSWERS = [row for row in rows("Where is it done?") if row[1]]


@pytest.mark.parametrize("row", WALK + ANSWERS, ids=lambda row: row[-1].strip("`"))
def test_each_step_names_a_function_that_exists(row):
    file, function = named(row[-2:])
    assert function in definitions(ROOT / file), f"{file} has no {function}"


def test_the_walk_is_numbered_and_enters_no_file_twice():
    assert [int(row[0]) for row in WALK] == list(range(1, len(WALK) + 1))
    files = [row[2] for row in WALK]
    assert len(files) == len(set(files))
    assert len(WALK) < 30


@pytest.mark.parametrize(
    "question",
    [
        "invoice is cut",
        "claim is verified",
        "survives a power cut",
        "does the contactor open",
        "price begin to hold",
        "a certificate refused",
        "brought to the ledger",
    ],
)
def test_the_page_answers_the_first_questions_of_a_reviewer(question):
    texts = [row[1] for row in WALK] + [row[0] for row in ANSWERS]
    assert any(question in text for text in texts)


@pytest.mark.parametrize(
    "row", rows("Seams: one new file and one table row"), ids=lambda row: row[0]
)
def test_each_seam_names_files_that_exist(row):
    for name in named(row):
        if not NOT_YET_A_FILE.search(name):
            assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("row", rows("Glossary"), ids=lambda row: row[0])
def test_each_word_of_the_glossary_lives_where_it_says(row):
    (name,) = named(row[-1:])
    assert (ROOT / name).is_file(), name


def test_no_word_has_two_rows_in_the_glossary():
    words = [word for row in rows("Glossary") for word in row[0].split(", ")]
    assert len(words) == len(set(words))


def test_every_package_folder_is_in_the_tree():
    tree = PAGE.split("\n## The tree\n")[1].split("\n## ")[0]
    for folder in package_folders().values():
        assert f"{folder.name}/" in tree, folder
