"""The boards that can be flashed: a row for each bundle of a release."""

from typing import Any, NamedTuple

from joulestream.host_tools.errors import CommandError

# MicroPython 1.25 loads the native modules' format.
LEAST_VERSION = (1, 25, 0)
# Of `sys.implementation._mpy`: the format in the lower bits, the kind of machine code above.
_ARCH_SHIFT = 10
# MicroPython's numbers of machine code. Source: py/persistentcode.h.
_ARCHITECTURES = {"x64": 2, "armv6m": 4, "xtensawin": 10, "rv32imc": 11}
MIB = 1 << 20


class BoardError(CommandError):
    """A board cannot be reached or used: one sentence."""


class Target(NamedTuple):
    """A kind of board.

    Attributes:
        arch: MicroPython's name of its machine code.
        platform: its `sys.platform`.
        chip: the chip in MicroPython's banner, behind "with".
        kind: the configuration's `board.kind`; None where the platform tells it.
        esptool: the chip's name for esptool; None for other chips.
        image_at: the address of MicroPython's image in the flash.
        least_flash: the least flash that a whole board needs, in bytes.
        resets: whether it can be reset through its REPL.
        keeps_key: whether it can keep a sealed key.
    """

    arch: str
    platform: str
    chip: str
    kind: str | None = None
    esptool: str | None = None
    image_at: int = 0
    least_flash: int = 0
    resets: bool = True
    keeps_key: bool = True


TARGETS = {
    "esp32": Target("xtensawin", "esp32", "ESP32", "esp32", "esp32", 0x1000, 4 * MIB),
    "esp32s3": Target("xtensawin", "esp32", "ESP32S3", "esp32s3", "esp32s3", 0, 4 * MIB),
    "esp32c3": Target("rv32imc", "esp32", "ESP32C3", "esp32c3", "esp32c3", 0, 4 * MIB),
    "rp2040": Target("armv6m", "rp2", "RP2040", "rp2040", least_flash=2 * MIB),
    "qemu-rv32": Target("rv32imc", "qemu", "rv32imac", resets=False, keeps_key=False),
    "unix-x64": Target("x64", "linux", "", resets=False),
}


def check(name: str, port: str, about: "dict[str, Any]") -> None:
    """Raise BoardError unless the board behind `port` is a `name` that our files fit.

    Args:
        name: a key of TARGETS.
        port: the port, for the message.
        about: the board's own words: implementation, version, platform, machine, mpy.
    """
    target = TARGETS[name]
    if about["implementation"] != "micropython":
        raise BoardError(f"{port}: {about['implementation']} runs there; put MicroPython on it")
    version = tuple(about["version"])
    if version < LEAST_VERSION:
        raise BoardError(
            f"{port}: MicroPython {_dotted(version)} is too old; give --image with"
            f" {_dotted(LEAST_VERSION)} or newer"
        )
    chip = about["machine"].rpartition(" with ")[2]
    is_other = bool(target.chip) and not _is_chip(chip, target.chip)
    if about["platform"] != target.platform or is_other:
        raise BoardError(
            f"{port}: the board is '{about['machine']}' and no {name}; correct --board or --port"
        )
    arch = about["mpy"] >> _ARCH_SHIFT
    if arch != _ARCHITECTURES[target.arch]:
        names = {number: arch_name for arch_name, number in _ARCHITECTURES.items()}
        raise BoardError(
            f"{port}: this MicroPython runs machine code of {names.get(arch, 'no kind')} and a"
            f" {name} needs {target.arch}; put the image of its own board on it"
        )


def _is_chip(chip: str, wanted: str) -> bool:
    """Return whether a banner's chip is the wanted one: ESP32C3FH4 is an ESP32C3, no ESP32."""
    rest = chip.removeprefix(wanted)
    return rest != chip and not (wanted == "ESP32" and rest[:1] in tuple("CHPS"))


def _dotted(version: "tuple[int, ...]") -> str:
    return ".".join(map(str, version[:3]))
