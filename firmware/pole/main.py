"""The pole's wiring: configuration, key, journal and board make one loop."""

import sys

import boards
from joulestream.accounts import Accounts
from joulestream.config import ConfigError
from joulestream.journal import Journal
from joulestream.keyfile import open_signer
from pole.clock import TrustedClock
from pole.config import load_config
from pole.loop import PoleLoop
from pole.payee import Payee


def main(path):
    """Run the pole with the configuration at `path` until the board stops it."""
    config = load_config(path)
    board = boards.open_board(config.board)
    signer = open_signer(config.seed_file, board.secret)
    journal = Journal(board.storage())
    clock = TrustedClock(journal)
    time_s = board.time_s()
    if time_s is not None:
        clock.set(time_s, board.now_ms())
    accounts = Accounts(journal, config.max_channels)
    payee = Payee(config, signer, accounts, clock, board.random)
    try:
        board.run(PoleLoop(config, board, payee, journal))
    finally:
        board.relay(False)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "pole.json")
    except (ConfigError, OSError, ValueError) as error:
        print("pole: %s; the relay stays open" % error, file=sys.stderr)
        sys.exit(1)
