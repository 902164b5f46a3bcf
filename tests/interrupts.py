"""Signals for a child process, as a person's terminal would leave them."""

import signal


def obey_interrupts():
    """Let a child obey Ctrl-C and a hang-up; a shell's background jobs ignore either or both."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
