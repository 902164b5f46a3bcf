"""The two firmwares, as an option of commands."""

from enum import StrEnum


class Role(StrEnum):
    """The firmware of a board."""

    POLE = "pole"
    VEHICLE = "vehicle"
