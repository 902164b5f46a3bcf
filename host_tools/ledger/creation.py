"""Making a ledger and its seed: both, or neither."""

from pathlib import Path

from joulestream.host_tools import keys
from joulestream.host_tools.ledger.database import Database
from joulestream.host_tools.ledger.errors import CommitUncertain
from joulestream.host_tools.ledger.ledger import Ledger
from joulestream.host_tools.unlock import Unlock
from joulestream.signing import Signer


def create_ledger(location: str, number: int, seed_file: Path, unlock: Unlock) -> Ledger:
    """Return a new, empty ledger, whose key is that of `seed_file`.

    A seed file that is missing is made. It is on the disk before the ledger is, because a ledger
    without its seed is worth nothing. It is taken away again only when there is surely no ledger.

    Args:
        location: path of a new SQLite file, or URL of an empty database.
        number: the ledger's number, 0 to 2^64 - 1.
        seed_file: the plain or sealed key file.
        unlock: the secret that opens a sealed one.

    Raises:
        LedgerError: the location is taken, or the ledger cannot be created.
        KeyFileError: the seed cannot be read or written.
    """
    database = Database(location)
    database.check_free()
    is_new = not seed_file.exists()
    if is_new:
        seed = keys.new_seed()
        keys.write_seed(seed_file, seed)
        signer = Signer(seed)
    else:
        signer = keys.read_signer(seed_file, unlock)
    try:
        database.create(number, signer.public_key)
    except CommitUncertain as error:
        raise CommitUncertain(f"{error}; the seed in {seed_file} is kept") from error
    except BaseException:
        if is_new:
            seed_file.unlink()
        raise
    return Ledger(database, signer)
