"""The person at the bench, with hands for wires, switches and plugs."""

from collections.abc import Callable
from typing import Protocol


class Operator(Protocol):
    """Somebody with hands, or a model of the bench."""

    def do(self, task: str, sentence: str) -> bool:
        """Do a task, such as "pilot B"; return False to leave it out.

        Args:
            task: the task in a word or two, for a bench that does it by itself.
            sentence: the task for a person.
        """


class Person:
    """Asks the person at the terminal.

    Args:
        ask: shows a sentence and returns the typed words.
    """

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask

    def do(self, task: str, sentence: str) -> bool:
        """Ask, and wait for the Enter key; the letter s leaves the task out."""
        return not self._ask(f"{sentence} Then press Enter; s leaves it out. ").startswith("s")


class Nobody:
    """Leaves out all that needs a person."""

    def do(self, task: str, sentence: str) -> bool:
        """Return False."""
        return False
