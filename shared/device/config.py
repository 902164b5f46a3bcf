"""A JSON configuration checked against a table, so that an error names its field and why."""

import json

from joulestream.compat import const

TYPE_CHECKING = const(0)

REQUIRED = object()


class ConfigError(Exception):
    """A broken configuration: one sentence that names the field."""

    def __init__(self, field, why):
        super().__init__("configuration field '%s': %s" % (field, why))
        self.field = field


class Config:
    """The checked values, as attributes."""

    if TYPE_CHECKING:

        def __getattr__(self, name): ...


def whole(low, high):
    """Return a check for an integer from `low` to `high`."""

    def check(value):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError("must be a whole number from %d to %d" % (low, high))
        return value

    return check


def text(value):
    """Check for a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value


def texts(value):
    """Check for a list of one or more texts."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list with one text or more")
    return [text(item) for item in value]


def mapping(value):
    """Check for an object whose fields another table checks."""
    if not isinstance(value, dict):
        raise ValueError("must be an object with named fields")
    return value


def hexadecimal(size):
    """Return a check for `size` bytes written in hexadecimal digits."""

    def check(value):
        try:
            data = bytes.fromhex(value)
        except (TypeError, ValueError):
            data = b""
        if len(data) != size:
            raise ValueError("must be %d hexadecimal digits" % (2 * size))
        return data

    return check


def one_of(*choices):
    """Return a check for one of `choices`."""

    def check(value):
        if value not in choices:
            raise ValueError("must be one of %s" % ", ".join(choices))
        return value

    return check


def rows(table, least, most):
    """Return a check for a list of `least` to `most` objects, each checked by `table`."""

    def check(value):
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError("must be a list of %d to %d entries" % (least, most))
        return [check_table(table, row) for row in value]

    return check


def section(table):
    """Return a check for an object, checked by `table`."""

    def check(value):
        return check_table(table, value)

    return check


def check_table(table, values):
    """Return a Config of `values` checked by `table`, rows of `(name, check, default)`.

    Raises ConfigError for a field that is missing, unknown or not acceptable.
    """
    if not isinstance(values, dict):
        raise ValueError("must be an object with named fields")
    known = [row[0] for row in table]
    for name in values:
        if name not in known:
            raise ConfigError(name, "is not known; remove it or correct its name")
    config = Config()
    for name, check, default in table:
        if name not in values:
            if default is REQUIRED:
                raise ConfigError(name, "is missing")
            setattr(config, name, default)
            continue
        try:
            setattr(config, name, check(values[name]))
        except ValueError as error:
            raise ConfigError(name, str(error))
        except ConfigError as error:
            raise ConfigError("%s.%s" % (name, error.field), str(error).split("': ", 1)[1])
    return config


def load(path, table):
    """Return the JSON file at `path` checked by `table`. Raises ConfigError."""
    try:
        with open(path) as file:
            values = json.load(file)
    except OSError:
        raise ConfigError("(file)", "%s cannot be read" % path)
    except ValueError:
        raise ConfigError("(file)", "%s is not valid JSON" % path)
    try:
        return check_table(table, values)
    except ValueError as error:
        raise ConfigError("(file)", str(error))
