"""A configuration in JSON, checked against a table; an error names the field and its rule.

A table has a row `(name, check, default)` for each field. A check returns the value to use, or
raises ValueError with the rest of a sentence that begins with the field: "must be ...".
"""

import json

from joulestream.compat import TYPE_CHECKING
from joulestream.device.config_error import WHOLE_FILE, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Check: TypeAlias = Callable[[Any], Any]
    Table: TypeAlias = tuple[tuple[str, Check, Any], ...]

# The default of a field that must be there.
REQUIRED = object()


class Config:
    """The checked values, as attributes."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


def whole(low: int, high: int) -> "Check":
    """Return a check for an integer from `low` to `high`."""

    def check(value: "Any") -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError("must be a whole number from %d to %d" % (low, high))
        return value

    return check


def text(value: "Any") -> str:
    """Check for a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value


def texts(value: "Any") -> "list[str]":
    """Check for a list of one or more texts."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list with one text or more")
    return [text(item) for item in value]


def mapping(value: "Any") -> "dict[str, Any]":
    """Check for an object. Another table checks its fields later."""
    if not isinstance(value, dict):
        raise ValueError("must be an object with named fields")
    return value


def hexadecimal(size: int) -> "Check":
    """Return a check for `size` bytes, written in hexadecimal digits."""

    def check(value: "Any") -> bytes:
        try:
            data = bytes.fromhex(value)
        except (TypeError, ValueError):
            data = b""
        if len(data) != size:
            raise ValueError("must be %d hexadecimal digits" % (2 * size))
        return data

    return check


def hexadecimals(size: int, most: int) -> "Check":
    """Return a check for a list of up to `most` texts for `size` bytes each."""
    check_one = hexadecimal(size)

    def check(value: "Any") -> "list[bytes]":
        if not isinstance(value, list) or len(value) > most:
            raise ValueError("must be a list of up to %d texts" % most)
        return [check_one(item) for item in value]

    return check


def one_of(*choices: str) -> "Check":
    """Return a check for one of `choices`."""

    def check(value: "Any") -> str:
        if value not in choices:
            raise ValueError("must be one of %s" % ", ".join(choices))
        return value

    return check


def one_of_numbers(*choices: int) -> "Check":
    """Return a check for one of the whole numbers `choices`."""

    def check(value: "Any") -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in choices:
            raise ValueError("must be one of %s" % ", ".join([str(choice) for choice in choices]))
        return value

    return check


def rows(table: "Table", least: int, most: int) -> "Check":
    """Return a check for a list of `least` to `most` objects, each checked by `table`."""

    def check(value: "Any") -> "list[Config]":
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError("must be a list of %d to %d entries" % (least, most))
        return [check_table(table, row) for row in value]

    return check


def section(table: "Table") -> "Check":
    """Return a check for an object, checked by `table`."""

    def check(value: "Any") -> Config:
        return check_table(table, value)

    return check


def check_table(table: "Table", values: "Any") -> Config:
    """Return the Config of `values`, an object checked by `table`.

    Raises ConfigError for a field that is missing, unknown or not acceptable, ValueError for
    anything but an object.
    """
    mapping(values)
    known = [row[0] for row in table]
    for name in values:
        if name not in known:
            raise ConfigError(name, "is not known; remove it or correct its name")
    config = Config()
    for name, check, default in table:
        if name not in values:
            if default is REQUIRED:
                raise ConfigError(name, "is missing; add it")
            setattr(config, name, default)
            continue
        try:
            setattr(config, name, check(values[name]))
        except ValueError as error:
            raise ConfigError(name, str(error))
        except ConfigError as error:
            raise ConfigError("%s.%s" % (name, error.field), error.rule)
    return config


def load(path: str, table: "Table") -> Config:
    """Return the configuration in the JSON file at `path`, checked by `table`.

    Raises ConfigError.
    """
    try:
        with open(path) as file:
            values = json.load(file)
    except OSError:
        raise ConfigError(WHOLE_FILE, "%s cannot be read" % path)
    except ValueError:
        raise ConfigError(WHOLE_FILE, "%s is not valid JSON" % path)
    try:
        return check_table(table, values)
    except ValueError as error:
        raise ConfigError(WHOLE_FILE, "%s %s" % (path, error))
