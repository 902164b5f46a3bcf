"""The one error that ends a command with a sentence for the person at the terminal."""


class CommandError(Exception):
    """A command cannot do its work.

    The text is one sentence: what is wrong, where, and what to do. Each part of the host tools has
    a subclass of its own; `joulestream.host_tools.cli` alone prints it.
    """


class Unavailable(CommandError):
    """A ledger or another store cannot be reached, read or written: nothing was decided."""
