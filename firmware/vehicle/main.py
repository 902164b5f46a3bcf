"""The vehicle's wiring: one loop made of configuration, board, journal, wallet and payer."""

import sys

from joulestream import boards
from joulestream.channel import Certificate
from joulestream.compat import const
from joulestream.device.config_error import ConfigError
from joulestream.device.keyfile import open_signer
from joulestream.device.open_journal import open_vehicle_journal
from joulestream.errors import MalformedError
from joulestream.link import open_link
from joulestream.meter.counter import open_meter
from joulestream.native import check_native
from joulestream.runtime.loop import run
from joulestream.runtime.set_up import forget
from joulestream.runtime.supervisor import Supervisor
from joulestream.vehicle.config import AUDIT_METER, load_config
from joulestream.vehicle.loop import VehicleLoop
from joulestream.vehicle.own_meter import OwnMeter, PowerBound
from joulestream.vehicle.payer import Payer
from joulestream.vehicle.wallet import Wallet

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

    from joulestream.boards.contract import Board
    from joulestream.signing import Signer
    from joulestream.vehicle.config import VehicleConfig


def load_certificates(paths: "list[str]") -> "list[Certificate]":
    """Return the certificates in the files `paths`. A renewal's file may be missing so far.

    Raises ConfigError for a file that holds no certificate.
    """
    certificates = []
    for path in paths:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            continue
        try:
            certificates.append(Certificate.from_bytes(data))
        except MalformedError:
            raise ConfigError("certificates", "names %s, which holds no certificate" % path)
    return certificates


def assemble(
    config: "VehicleConfig",
    board: "Board",
    signer: "Signer",
    load: "Callable[[], list[Certificate]]",
) -> VehicleLoop:
    """Return a VehicleLoop whose state comes from the journal alone.

    Args:
        config: the configuration (config.py).
        board: the board.
        signer: the payer's key.
        load: returns the certificates that there are by now.

    Raises:
        ConfigError: there is no certificate, or the storage is too small, or holds damaged or
            foreign records.
    """
    certificates = load()
    if not certificates:
        raise ConfigError("certificates", "names no file that can be read")
    # First: where one of them refuses the configuration, no storage is left behind.
    own_meter: OwnMeter | PowerBound
    if config.audit == AUDIT_METER and config.meter is not None:
        own_meter = OwnMeter(open_meter(config.meter, board, config.max_power_mw))
    else:
        own_meter = PowerBound(config.max_power_mw)
    link = open_link(config.link, board)
    journal = open_vehicle_journal(board)
    if journal.damaged:
        # The lost record may hold the spent budget, and the owner's limit must hold.
        raise ConfigError("board", "has a storage with damaged records; replace it")
    wallet = Wallet(signer, journal, certificates, config.budget, config.budget_period)
    if wallet.records.unreadable:
        # As with a damaged record.
        raise ConfigError(
            "board",
            "has a storage with %d records of another version's wallet; use that version, or"
            " replace the storage" % len(wallet.records.unreadable),
        )

    def renewals() -> "list[Certificate]":
        try:
            return load()
        except ConfigError:
            return []

    payer = Payer(config, wallet, board.random, renewals)

    return VehicleLoop(board, own_meter, link, payer, journal)


def main(path: str) -> None:
    """Run the vehicle with the configuration in the file `path` until the board stops it."""
    config = load_config(path)
    board = boards.open_board(config.board)
    check_native()
    signer = open_signer(config.seed_file, board.secret)

    def load() -> "list[Certificate]":
        return load_certificates(config.certificates)

    service = None
    if board.uart("service") is not None:
        from joulestream.vehicle.service import open_service

        service = open_service(config, board, signer)
    forget()
    run(board, Supervisor(lambda: assemble(config, board, signer, load), board), service)


def self_test(path: str, last: str = "key") -> "list[tuple[str, str | None]]":
    """Return each check of the vehicle's self-test with its fault (boards/self_test.py)."""
    # A firmware that starts has no use for it.
    from joulestream.boards.self_test import self_test as test_board

    return test_board(load_config, path, last)


def start(path: str) -> int:
    """Run the vehicle as main() does; return 1 after one sentence if it cannot start.

    A board's own main.py calls this function.
    """
    try:
        main(path)
    except (ConfigError, OSError, ValueError) as error:
        print("vehicle: %s; nothing is paid" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(start(sys.argv[1] if len(sys.argv) > 1 else "vehicle.json"))
