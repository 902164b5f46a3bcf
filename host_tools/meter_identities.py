"""How meters tell apart: the registers that name a model, and look-alikes where none does.

The rows are asked from the top on. A meter that no row knows is told by the registers that it has,
and then several models may be meant: the name plate decides.

Sources: the documents that firmware/meter names for each maker. Eastron's codes of the SDM630, the
SDM72D and the SDM72D-V2 are those that the WARP charger's firmware checks; those of the SDM120 and
the SDM230 were not verified. Carlo Gavazzi's codes are from the table of the EM100 and EM300
protocols; some tables give an EM111 the code 111 and an EM112 the code 112.
"""

from typing import NamedTuple

_READ_HOLDING, _READ_INPUT = 3, 4


class Identity(NamedTuple):
    """One register that names models.

    Attributes:
        maker: the maker's name.
        function, first, registers: the request.
        models: the register's value, and the models that hold it; a text is the begin of a text.
    """

    maker: str
    function: int
    first: int
    registers: int
    models: dict[int | str, tuple[str, ...]]


IDENTITIES = (
    Identity(
        "Eastron",
        _READ_HOLDING,
        0xFC02,
        1,
        {
            0x0020: ("sdm120",),
            0x002B: ("sdm230",),
            0x0070: ("sdm630",),
            0x0079: ("sdm630",),
            0x0084: ("sdm72d",),
            0x0089: ("sdm72d-v2",),
        },
    ),
    Identity(
        "Carlo Gavazzi",
        _READ_INPUT,
        0x000B,
        1,
        {
            101: ("em111",),
            103: ("em111",),
            111: ("em111",),
            114: ("em111",),
            102: ("em112",),
            104: ("em112",),
            112: ("em112",),
            331: ("em330",),
            332: ("em330",),
            340: ("em340",),
            341: ("em340",),
        },
    ),
    Identity("ABB", _READ_HOLDING, 0x8960, 2, {"B23": ("b23",), "B24": ("b24",)}),
    Identity("Schneider Electric", _READ_HOLDING, 49, 20, {"iEM3155": ("iem3155",)}),
)


class LookAlikes(NamedTuple):
    """Models that answer the same registers.

    Attributes:
        voltages: requests (function, first, registers) for a voltage.
        form, digit_mv: the format of a voltage, and the worth of its last digit.
        answers: other requests that all of them answer.
        refuses: requests that none of them answers.
        models: their names.
    """

    voltages: tuple[tuple[int, int, int], ...]
    form: str
    digit_mv: int
    answers: tuple[tuple[int, int, int], ...]
    refuses: tuple[tuple[int, int, int], ...]
    models: tuple[str, ...]


# A PZEM has no register that names it. Its holding register 2 is its own address.
PZEM_ADDRESS = (_READ_HOLDING, 2, 1)
_PZEM_AC = (_READ_INPUT, 0, 10)
_PZEM_DC = (_READ_INPUT, 0, 8)
PZEMS = (
    LookAlikes((_PZEM_AC,), "H", 100, (), (), ("pzem-016", "pzem-004t-v3", "pzem-014")),
    LookAlikes((_PZEM_DC,), "H", 10, (), (_PZEM_AC,), ("pzem-017", "pzem-003")),
)
# Eastron's older meters have no code. One with three phases may be connected to one phase alone.
_V1, _V2, _W, _KWH = ((_READ_INPUT, first, 2) for first in (0x0000, 0x0002, 0x0034, 0x0048))
EASTRONS = (
    LookAlikes((_V1, _V2), "f", 1_000, (_KWH,), (), ("sdm630", "sdm72d-v2")),
    LookAlikes(
        (_V1,), "f", 1_000, (_KWH,), (), ("sdm220", "sdm120", "sdm230", "sdm630", "sdm72d-v2")
    ),
    LookAlikes((), "f", 1_000, (_W, _KWH), (_V1,), ("sdm72d",)),
)
