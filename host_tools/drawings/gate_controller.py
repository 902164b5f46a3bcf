"""The safety controller in place of the discrete gate: its lines to the world around it."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the controller between the board and the coil."""
    sheet.text(
        (-7, 12.6),
        "Gate with a safety controller: firmware/gate on a small microcontroller",
        big=True,
    )
    sheet.text(
        (-7, 12), "One step a millisecond takes all inputs. The coil hangs on edges of COIL_PUMP."
    )
    board = sheet.block(
        (-7, 6.4),
        (4.2, 4.8),
        "board",
        right=("CONTACTOR", "HEARTBEAT", "UART TX", "UART RX", "0 V"),
    )
    chip = sheet.block(
        (0, 0),
        (7.4, 11.2),
        "safety controller",
        left=(
            "request",
            "edges",
            "UART RX",
            "UART TX",
            "0 V",
            "pilot: A",
            "pilot: C or D",
            "no_residual",
            "cool",
            "no_emergency",
            "contacts",
        ),
        right=("COIL_PUMP", "test", "shunt_trip", "thermometer", "ammeter", "EEPROM: tripped"),
    )
    lines = ("CONTACTOR", "HEARTBEAT", "UART TX", "UART RX", "0 V")
    for name, pin in zip(lines, ("request", "edges", "UART RX", "UART TX", "0 V"), strict=True):
        middle = -1.4
        sheet.wire(board[name], (middle, board[name][1]), (middle, chip[pin][1]), chip[pin])
    for pin, text in (
        ("pilot: A", "U7A, part 2"),
        ("pilot: C or D", "U5, part 2"),
        ("no_residual", "RDC-DD, closed: well"),
        ("cool", "temperature switch S2, closed: well"),
        ("no_emergency", "emergency stop S1, closed: well"),
        ("contacts", "mirror contact of K1"),
    ):
        sheet.wire(chip[pin], (-1.2, chip[pin][1]))
        sheet.signal((-1.2, chip[pin][1]), text, leaves=False)
    pump = sheet.block(
        (10.4, 8.4), (4.4, 2.8), "pump: C3, R3, D1, D2, C4", left=("in",), right=("out",)
    )
    coil = sheet.block((17.4, 8.4), (4.6, 2.8), "switch, coil K1, TVS D3", left=("on",))
    y = chip["COIL_PUMP"][1]
    sheet.wire(chip["COIL_PUMP"], (9, y), (9, pump["in"][1]), pump["in"])
    sheet.wire(pump["out"], coil["on"])
    sheet.text((15.4, 7.9), "In series with the coil: S1 and S2, as contacts.")
    for pin, text in (
        ("test", "RDC-DD, its test input"),
        ("shunt_trip", "shunt trip of the circuit breaker"),
        ("thermometer", "NTC at the contactor's terminal"),
        ("ammeter", "current transformer, optional"),
        ("EEPROM: tripped", "one byte that outlives the supply"),
    ):
        sheet.wire(chip[pin], (8.6, chip[pin][1]))
        sheet.signal((8.6, chip[pin][1]), text, leaves=True)
