"""The emulated Pico's parts for its tests."""

import sys

import pytest

from joulestream.host_tools.build import pico
from joulestream.host_tools.build.shell import ToolchainError


@pytest.fixture(scope="session")
def built():
    """The firmware and the emulator's modules; skip, loudly, where there are none."""
    try:
        return pico.build(), pico.emulator_modules()
    except ToolchainError as error:
        print(f"\nEMULATED PICO NOT TESTED: {error}", file=sys.__stderr__, flush=True)
        pytest.skip(f"emulated Pico not tested: {error}")
