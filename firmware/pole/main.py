"""The pole's wiring: configuration, key, journal and board become one loop."""

import sys

from joulestream import boards
from joulestream.compat import const
from joulestream.device.config_error import ConfigError
from joulestream.device.keyfile import open_signer
from joulestream.device.open_journal import open_pole_journal
from joulestream.link import open_link
from joulestream.meter.counter import open_meter
from joulestream.native import check_native
from joulestream.pole.books import Books
from joulestream.pole.clock import PoleClock
from joulestream.pole.config import load_config
from joulestream.pole.limits import PowerLimits
from joulestream.pole.loop import PoleLoop
from joulestream.pole.payee import Payee
from joulestream.pole.prices import open_prices
from joulestream.runtime.loop import run
from joulestream.runtime.set_up import forget
from joulestream.runtime.supervisor import Supervisor
from joulestream.signing import TABLE_SIZE

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.pole.config import PoleConfig
    from joulestream.signing import Signer


def check_gate(config: "PoleConfig", board: "Board") -> None:
    """Raise ConfigError unless the pole notices a late step before the board's gate opens."""
    gate_ms = board.gate_ms()
    if gate_ms is not None and config.contactor_hold_ms >= gate_ms:
        raise ConfigError(
            "contactor_hold_ms",
            "must be below %d, at which the board opens the contactor by itself" % gate_ms,
        )


def tell_desk_mode(board: "Board") -> None:
    """Say on the console that the board has no identified gate, if that is so."""
    if board.gate() is None:
        print(
            "pole: desk mode: no gate identifies itself, so the contactor stays open above"
            " 60 V or 10 A; wire the gate of docs/hardware.md for more",
            file=sys.stderr,
        )


def assemble(
    config: "PoleConfig",
    board: "Board",
    signer: "Signer",
    table: bytearray,
    read_clock: "Callable[[], tuple[int, int]] | None" = None,
) -> PoleLoop:
    """Return a new PoleLoop. All that it knows of the past comes from the journal.

    Args:
        config: the checked configuration.
        board: the board (boards/contract.py).
        signer: the pole's key.
        table: memory for a signing.Verifier; one loop after the other uses it.
        read_clock: stands for the board's `clock`.

    Raises ConfigError if the board's storage has no room for the channels.
    """
    # First, while the heap has large free pieces: each of the two may load a module.
    meter = open_meter(config.meter, board, config.max_power_mw)
    link = open_link(config.link, board)
    journal = open_pole_journal(board, config.max_channels)
    issuer_keys = [issuer.key for issuer in config.issuers]
    clock = PoleClock(journal, read_clock or board.clock, issuer_keys, board.now_ms())
    payee = Payee(
        config,
        signer,
        Books(config, journal, clock, board.now_ms()),
        clock,
        open_prices(config, board),
        PowerLimits(config, board),
        board.random,
        table,
    )
    return PoleLoop(config, board, meter, link, payee, journal)


def main(path: str) -> None:
    """Run the pole with the configuration in the file `path` until the board stops it."""
    config = load_config(path)
    board = boards.open_board(config.board)
    try:
        check_native()
        check_gate(config, board)
        signer = open_signer(config.seed_file, board.secret)
        # Allocated first: later the heap may have no free piece of this size.
        table = bytearray(TABLE_SIZE)
        service = None
        read_clock = board.clock
        if board.uart("service") is not None:
            # Only then: its modules take heap that other poles need not have.
            from joulestream.boards.told_clock import ToldClock
            from joulestream.pole.service import open_service

            clock = ToldClock(board)
            read_clock = clock.read
            service = open_service(config, board, signer, clock)
        forget()
        tell_desk_mode(board)
        supervisor = Supervisor(lambda: assemble(config, board, signer, table, read_clock), board)
        run(board, supervisor, service)
    finally:
        board.make_safe()


def self_test(path: str, last: str = "key") -> "list[tuple[str, str | None]]":
    """Return each check of the pole's self-test with its fault (boards/self_test.py)."""
    # A firmware that starts has no use for it.
    from joulestream.boards.self_test import self_test as test_board

    return test_board(load_config, path, last)


def start(path: str) -> int:
    """Run the pole as main() does; return 1 after one sentence if it cannot start.

    A board's own main.py calls this function.
    """
    try:
        main(path)
    except (ConfigError, OSError, ValueError) as error:
        print("pole: %s; the contactor stays open" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(start(sys.argv[1] if len(sys.argv) > 1 else "pole.json"))
