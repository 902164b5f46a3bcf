"""Sources that are unpacked at build time, by several processes at once."""

import os
import tarfile

import pytest

from joulestream.host_tools.build import sources
from joulestream.host_tools.build.shell import ToolchainError


@pytest.fixture
def source(tmp_path, monkeypatch):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "file").write_text("content")
    archive = tmp_path / "thing.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "thing", "thing")
    monkeypatch.setattr(sources, "BUILD", tmp_path / "build")
    monkeypatch.setattr(sources, "download", lambda source: archive)
    return sources.Source("Thing", "thing.tar", "", "thing", lambda directory: None)


def test_two_processes_unpack_the_same_archive(source, tmp_path, monkeypatch):
    rename = os.rename

    def late(scratch, directory):
        monkeypatch.setattr(os, "rename", rename)
        sources.tree(source)  # the other process is through
        rename(scratch, directory)

    monkeypatch.setattr(os, "rename", late)
    directory = sources.tree(source)
    assert (directory / "file").read_text() == "content"
    assert [path.name for path in directory.parent.iterdir()] == ["thing"]


def test_a_broken_archive_is_told(source, tmp_path):
    (tmp_path / "thing.tar").write_bytes(b"no archive")
    with pytest.raises(ToolchainError, match="unpacking thing"):
        sources.tree(source)
