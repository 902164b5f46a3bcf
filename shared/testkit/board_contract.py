"""Checks that a board keeps the contract of firmware/boards/contract.py.

It runs on CPython, on MicroPython and on the board itself.
"""

from joulestream.boards import contract
from joulestream.compat import const
from joulestream.device.keystore import SOURCE_DEVICE, SOURCE_PASSPHRASE
from joulestream.runtime import BUILT_S
from joulestream.runtime.pilot import PILOT_STATES
from joulestream.units import TICKS_PERIOD, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LEAST_BLOCKS = 6
_PAGE = 256
_RANDOM_SIZE = 32
# More than a pseudo-terminal, a pipe or a UART holds for an end that does not read.
_FRAME_SIZE = 400
_FRAMES = 400


def check_board(board: "Any") -> None:
    """Check every promise of the contract.

    Args:
        board: the board. No byte may arrive on its link during the check. The check erases the
            first block of its storage.

    Raises:
        AssertionError: the board breaks a promise.
    """
    for name in dir(contract.Board):
        if not name.startswith("_"):
            assert hasattr(board, name), name
    assert board.fault is None or isinstance(board.fault, str)
    _check_uarts(board)
    _check_storage(board)
    _check_random(board)
    _check_secrets(board)
    _check_pins(board)
    _check_clock(board)
    assert board.wait(0) in (True, False)


def check_writing(board: "Any") -> int:
    """Check that writing never blocks; return how many bytes the link took.

    Args:
        board: the board. Nobody reads the other end of its link, and no byte comes from there.

    Raises:
        AssertionError: the board breaks a promise. A call that blocks hangs here.
    """
    uart = board.uart("link")
    data = bytes(_FRAME_SIZE)
    sent = 0
    for _ in range(_FRAMES):
        taken = uart.write(data)
        assert isinstance(taken, int) and 0 <= taken <= len(data), taken
        sent += taken
        assert uart.readinto(bytearray(16)) == 0
    return sent


def _refusal(call: "Callable[..., Any]", *arguments: "Any") -> str:
    """Return the text of the ValueError that a call raises, or "" if it raises none."""
    try:
        call(*arguments)
    except ValueError as error:
        sentence = str(error)
        assert sentence and "\n" not in sentence, sentence
        return sentence
    return ""


def _check_uarts(board: "Any") -> None:
    assert _refusal(board.uart, "no such UART")
    uart = board.uart("link")
    assert board.uart("link") is uart
    assert uart.readinto(bytearray(16)) == 0
    assert callable(uart.write)
    service = board.uart("service")
    assert service is None or (board.uart("service") is service and service is not uart)


def _check_storage(board: "Any") -> None:
    storage = board.storage()
    assert board.storage() is storage
    assert storage.ioctl(4, 0) >= _LEAST_BLOCKS
    size = storage.ioctl(5, 0)
    assert board.storage_shape() == (storage.ioctl(4, 0), size)
    assert size >= _PAGE and size % _PAGE == 0
    storage.ioctl(6, 0)
    page = bytearray(_PAGE)
    storage.readblocks(0, page, size - _PAGE)
    assert page == b"\xff" * _PAGE
    storage.writeblocks(0, b"\xf0" * 16, 32)
    storage.writeblocks(0, b"\x30" * 4, 36)
    storage.readblocks(0, page, 0)
    assert page[:56] == b"\xff" * 32 + b"\xf0" * 4 + b"\x30" * 4 + b"\xf0" * 8 + b"\xff" * 8
    storage.ioctl(6, 0)
    storage.readblocks(0, page, 0)
    assert page == b"\xff" * _PAGE


def _check_random(board: "Any") -> None:
    if not _refusal(board.random, _RANDOM_SIZE):
        first, second = board.random(_RANDOM_SIZE), board.random(_RANDOM_SIZE)
        assert len(first) == len(second) == _RANDOM_SIZE and first != second


def _check_secrets(board: "Any") -> None:
    for source in (SOURCE_PASSPHRASE, SOURCE_DEVICE):
        if not _refusal(board.secret, source):
            assert len(board.secret(source)) > 0


def _check_pins(board: "Any") -> None:
    assert board.pilot_state() in PILOT_STATES
    for closed in (True, True, False):
        assert board.contactor(closed) is None
    assert board.contactor_feedback() in (None, True, False)
    gate = board.gate()
    assert gate is None or isinstance(gate, str)
    gate_ms = board.gate_ms()
    assert gate_ms is None or gate_ms > 0
    assert board.make_safe() is None
    assert board.current_limit_ma(6_000) is None
    for paused in (True, False):
        assert board.pause(paused) is None
    assert board.feed_watchdog() is None


def _check_clock(board: "Any") -> None:
    assert board.set_clock() is None
    before, after = board.now_ms(), board.now_ms()
    assert 0 <= before < TICKS_PERIOD and 0 <= after < TICKS_PERIOD
    assert ticks_diff(after, before) >= 0
    time_s, quality = board.clock()
    assert isinstance(time_s, int) and time_s >= 0
    if quality != contract.CLOCK_NONE:
        assert time_s >= BUILT_S
        assert quality in (contract.CLOCK_RTC, contract.CLOCK_NETWORK)
