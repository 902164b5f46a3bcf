"""Sentences name their subject: few of them use the words that tests/prose.py counts."""

from prose import FOLDERS, MOST_PER_1000, c_text, counts, files, python_text, rate


def test_sentences_name_their_subjects():
    for folder in FOLDERS:
        found = {path: counts(path) for path in files(folder)}
        worst = sorted(found, key=lambda path: -found[path][0])[:5]
        assert rate(found.values()) <= MOST_PER_1000, [(path.name, found[path]) for path in worst]


def test_only_sentences_are_counted(tmp_path):
    path = tmp_path / "sample.py"
    path.write_text(
        '"""What it is: `who` is code."""\nwhat = "who"  # whose turn\n\n\n'
        'def who():\n    """Whoever comes, \'whatever\' that means."""\n'
    )
    assert counts(path) == (3, 12)


def test_comments_are_found_in_python_and_c():
    assert python_text('x = "# no"  # yes\n') == "yes\n"
    assert c_text("int a; // one\n/* two\n three */ int b;") == "// one\n/* two\n three */"
