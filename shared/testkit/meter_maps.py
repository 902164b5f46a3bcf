"""The register maps of meters as their makers publish them, for meters in memory and pymodbus.

This table is written apart from the drivers' on purpose: one is the test of the other. It keeps
the makers' own numbers and units. Each row names its document.

    (document, functions, first number, most registers of a request, readable ranges, figures)

A figure is (name, number, format, unit of its last digit). Numbers are the document's; the first
number is its name of register 0. Formats are those of `struct`; "w" in front of one means that
the low word comes first. A request outside of the readable ranges gets an exception.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# Units of a last digit, in mV, mA, mW, mHz or mWh.
_UNITS = {
    "V": 1_000,
    "0.1 V": 100,
    "0.01 V": 10,
    "A": 1_000,
    "0.01 A": 10,
    "0.001 A": 1,
    "kW": 1_000_000,
    "W": 1_000,
    "0.1 W": 100,
    "0.01 W": 10,
    "Hz": 1_000,
    "0.1 Hz": 100,
    "0.01 Hz": 10,
    "kWh": 1_000_000,
    "0.1 kWh": 100_000,
    "0.01 kWh": 10_000,
    "Wh": 1_000,
}

_EASTRON_ENERGY = (
    ("Hz", 30_071, "f", "Hz"),
    ("import", 30_073, "f", "kWh"),
    ("export", 30_075, "f", "kWh"),
)
_EASTRON_ONE = (
    ("V", 30_001, "f", "V"),
    ("A", 30_007, "f", "A"),
    ("W", 30_013, "f", "W"),
) + _EASTRON_ENERGY
_EASTRON_THREE = (
    ("V", 30_001, "f", "V"),
    ("V", 30_003, "f", "V"),
    ("V", 30_005, "f", "V"),
    ("A", 30_007, "f", "A"),
    ("W", 30_053, "f", "W"),
) + _EASTRON_ENERGY
_SDM120 = (
    "Eastron SDM120 Modbus Protocol V2.4",
    (4,),
    30_001,
    60,
    ((30_001, 30_399),),
    _EASTRON_ONE,
)
_SDM630 = (
    "Eastron SDM630 Modbus Protocol V1.7",
    (4,),
    30_001,
    80,
    ((30_001, 30_399),),
    _EASTRON_THREE,
)
_SDM72D_V2 = (
    "Eastron SDM72D-M-2 Modbus Protocol V1.0",
    (4,),
    30_001,
    60,
    ((30_001, 30_399),),
    _EASTRON_THREE,
)
_ABB = (
    "ABB B23/B24 User Manual 2CMC485003M0201, chapter 9",
    (3,),
    0x0000,
    125,
    ((0x5000, 0x5037), (0x5B00, 0x5B41)),
    (
        ("import", 0x5000, "Q", "0.01 kWh"),
        ("export", 0x5004, "Q", "0.01 kWh"),
        ("V", 0x5B00, "I", "0.1 V"),
        ("A", 0x5B0C, "I", "0.01 A"),
        ("W", 0x5B14, "i", "0.01 W"),
        ("Hz", 0x5B2C, "H", "0.01 Hz"),
    ),
)
_EM100 = (
    "Carlo Gavazzi EM111, EM112 and ET112 Communication Protocol",
    (3, 4),
    0x0000,
    50,
    ((0x0000, 0x001B), (0x0020, 0x0023)),
    (
        ("V", 0x0000, "wi", "0.1 V"),
        ("A", 0x0002, "wi", "0.001 A"),
        ("W", 0x0004, "wi", "0.1 W"),
        ("Hz", 0x000F, "h", "0.1 Hz"),
        ("import", 0x0010, "wi", "0.1 kWh"),
        ("export", 0x0020, "wi", "0.1 kWh"),
    ),
)
_EM300 = (
    "Carlo Gavazzi EM300 and ET300 Series Communication Protocol, version 2 revision 17",
    (3, 4),
    0x0000,
    50,
    ((0x0000, 0x0069),),
    (
        ("V", 0x0000, "wi", "0.1 V"),
        ("A", 0x000C, "wi", "0.001 A"),
        ("W", 0x0028, "wi", "0.1 W"),
        ("Hz", 0x0033, "h", "0.1 Hz"),
        ("import", 0x0034, "wi", "0.1 kWh"),
        ("export", 0x004E, "wi", "0.1 kWh"),
    ),
)
_IEM3155 = (
    "Schneider Electric DOCA0005EN, register list of the iEM3155",
    (3,),
    1,
    125,
    ((3_000, 3_121), (3_204, 3_231)),
    (
        ("A", 3_000, "f", "A"),
        ("V", 3_028, "f", "V"),
        ("W", 3_060, "f", "kW"),
        ("Hz", 3_110, "f", "Hz"),
        ("import", 3_204, "q", "Wh"),
        ("export", 3_208, "q", "Wh"),
    ),
)
_PZEM_AC = (
    "Peacefair PZEM-014/016 AC communication module, section 2.3",
    (4,),
    0x0000,
    10,
    ((0x0000, 0x0009),),
    (
        ("V", 0x0000, "H", "0.1 V"),
        ("A", 0x0001, "wI", "0.001 A"),
        ("W", 0x0003, "wI", "0.1 W"),
        ("import", 0x0005, "wI", "Wh"),
        ("Hz", 0x0007, "H", "0.1 Hz"),
    ),
)
_PZEM_DC = (
    "Peacefair PZEM-003/017 DC communication module, section 2.3",
    (4,),
    0x0000,
    8,
    ((0x0000, 0x0007),),
    (
        ("V", 0x0000, "H", "0.01 V"),
        ("A", 0x0001, "H", "0.01 A"),
        ("W", 0x0002, "wI", "0.1 W"),
        ("import", 0x0004, "wI", "Wh"),
    ),
)

MAPS: "dict[str, Any]" = {
    "sdm120": _SDM120,
    "sdm220": ("Eastron SDM220 user manual",) + _SDM120[1:],
    "sdm230": ("Eastron SDM230 Modbus Protocol V1.4",) + _SDM120[1:],
    "sdm630": _SDM630,
    "sdm72d": (
        "Eastron SDM72D-M Modbus Protocol V1.1",
        (4,),
        30_001,
        60,
        ((30_053, 30_399),),
        (
            ("W", 30_053, "f", "W"),
            ("import", 30_073, "f", "kWh"),
            ("export", 30_075, "f", "kWh"),
        ),
    ),
    "sdm72d-v2": _SDM72D_V2,
    "b23": _ABB,
    "b24": _ABB,
    "em111": _EM100,
    "em112": _EM100,
    "em330": _EM300,
    "em340": _EM300,
    "iem3155": _IEM3155,
    "pzem-004t-v3": _PZEM_AC,
    "pzem-014": _PZEM_AC,
    "pzem-016": _PZEM_AC,
    "pzem-003": _PZEM_DC,
    "pzem-017": _PZEM_DC,
}


def _text(text: str, registers: int) -> "tuple[int, ...]":
    data = text.encode() + bytes(2 * registers - len(text))
    return tuple([data[at] << 8 | data[at + 1] for at in range(0, len(data), 2)])


# The registers that name a model: (functions, number, content), and their documents. An
# SDM220 has none. A PZEM's holding register 2 is its own address.
IDENTITIES: "dict[str, Any]" = {
    "sdm120": ((3,), 0xFC02, (0x0020,)),  # from memory of Eastron's protocol V2.4; not verified
    "sdm230": ((3,), 0xFC02, (0x002B,)),  # the same
    "sdm630": ((3,), 0xFC02, (0x0070,)),  # firmware of the WARP charger, sdm.c
    "sdm72d": ((3,), 0xFC02, (0x0084,)),  # the same
    "sdm72d-v2": ((3,), 0xFC02, (0x0089,)),  # SDM72D-M-2 Modbus Protocol V1.0, "Meter code"
    "b23": ((3,), 0x8960, _text("B23 ", 2)),  # B23/B24 User Manual, "Production data"
    "b24": ((3,), 0x8960, _text("B24 ", 2)),
    "em111": ((3, 4), 0x000B, (103,)),  # EM100 protocol, "identification code"
    "em112": ((3, 4), 0x000B, (104,)),
    "em330": ((3, 4), 0x000B, (331,)),  # EM300 protocol, "identification code"
    "em340": ((3, 4), 0x000B, (340,)),
    "iem3155": ((3,), 0x0031, _text("iEM3155", 20)),  # DOCA0005EN, register 50, "Meter Model"
    "pzem-004t-v3": ((3,), 0x0002, (1,)),
    "pzem-014": ((3,), 0x0002, (1,)),
    "pzem-016": ((3,), 0x0002, (1,)),
    "pzem-003": ((3,), 0x0002, (1,)),
    "pzem-017": ((3,), 0x0002, (1,)),
}


def digits(unit: str) -> int:
    """Return the worth of a unit's last digit, in mV, mA, mW, mHz or mWh."""
    return _UNITS[unit]
