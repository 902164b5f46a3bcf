"""A place for Matplotlib's fonts."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def fonts() -> Iterator[None]:
    """Give Matplotlib a folder for its fonts where there is no home directory.

    It keeps them in the home directory, and complains where there is none.
    """
    if "MPLCONFIGDIR" in os.environ or _has_home():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="joulestream-fonts-") as place:
        os.environ["MPLCONFIGDIR"] = place
        try:
            yield
        finally:
            del os.environ["MPLCONFIGDIR"]


def _has_home() -> bool:
    try:
        return os.access(Path.home(), os.W_OK)
    except RuntimeError:  # the system knows no such user
        return False
