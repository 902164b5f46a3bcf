"""The files of a board that was flashed, for an image of an emulated board's file system."""

from joulestream.host_tools.build.bytecode import compile_packages
from joulestream.host_tools.flashing.install import MAIN, start_files
from joulestream.runtime import chooser


def write_board(directory, content):
    """Write a board's files below `directory`; return the entries of its root."""
    files = {f"{chooser.DIRECTORIES[0]}/{path}": data for path, data in content.files.items()}
    files[f"{chooser.DIRECTORIES[0]}/{chooser.RELEASE}"] = content.listing
    if content.config is not None:
        files[f"{chooser.DIRECTORIES[0]}/{chooser.CONFIG}"] = content.config
    files |= start_files(compile_packages())
    for path, data in files.items():
        place = directory / path.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    assert (directory / MAIN.removeprefix("/")).is_file()
    return sorted(directory.iterdir())
