"""The mains side of a pole with one phase and 16 A."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the conductors from the supply on the left to the vehicle's plug on the right."""
    sheet.text((0, 14.8), "Pole, one phase, 230 V, 16 A", big=True)
    sheet.text((0, 14.2), "DANGER: mains. An electrician connects and tests it. Red is live.")
    grid = sheet.block((0, 8), (2.6, 4.6), "supply", right=("L", "N", "PE"))
    breaker = sheet.block(
        (4.2, 9.2), (4.2, 3.4), "RCBO type A, 16 A, 30 mA", left=("L", "N"), right=("L'", "N'")
    )
    meter = sheet.block(
        (10.4, 9.2), (4.2, 3.4), "meter, MID, Modbus", left=("L", "N"), right=("L'", "N'")
    )
    contactor = sheet.block(
        (16.6, 9.2), (4.2, 3.4), "K1: contactor, 2 NO, 25 A", left=("1", "3"), right=("2", "4")
    )
    sensor = sheet.block(
        (22.8, 9.2), (4.2, 3.4), "RDC-DD, 6 mA DC", left=("L", "N"), right=("L'", "N'")
    )
    plug = sheet.block((29.4, 8), (3.4, 4.6), "Type 2", left=("L1", "N", "PE", "CP"))
    stages = ((grid, "L", "N"), (breaker, "L'", "N'"), (meter, "L'", "N'"))
    nexts = ((breaker, "L", "N"), (meter, "L", "N"), (contactor, "1", "3"))
    pairs = [*zip(stages, nexts, strict=True)]
    pairs += [
        ((contactor, "2", "4"), (sensor, "L", "N")),
        ((sensor, "L'", "N'"), (plug, "L1", "N")),
    ]
    for (left, line, neutral), (right, next_line, next_neutral) in pairs:
        for start, end, shift in (
            (left[line], right[next_line], 0.9),
            (left[neutral], right[next_neutral], 0.6),
        ):
            middle = start[0] + shift
            sheet.wire(start, (middle, start[1]), (middle, end[1]), end, colour="mains")
    earth = 7.4
    sheet.wire(grid["PE"], (3.4, grid["PE"][1]), (3.4, earth), (28.4, earth))
    sheet.wire((28.4, earth), (28.4, plug["PE"][1]), plug["PE"])
    sheet.text((14, earth + 0.3), "PE, green and yellow, never switched")
    supply = sheet.block(
        (4.2, 1), (4.2, 4.4), "supply 12 V, 2 A, SELV", left=("L, N",), right=("+12 V", "0 V")
    )
    tap = (9.4, breaker["L'"][1])
    sheet.dot(tap)
    sheet.wire(
        tap, (9.4, 6.2), (3.2, 6.2), (3.2, supply["L, N"][1]), supply["L, N"], colour="mains"
    )
    sheet.text((3.4, 6.5), "by a fuse of 1 A, not metered")
    gate = sheet.block(
        (16.6, 0),
        (4.6, 6.2),
        "gate",
        left=("+12 V", "CONTACTOR", "HEARTBEAT", "FEEDBACK", "I2C"),
        right=("coil of K1", "OK, TEST", "PILOT", "S1, S2"),
    )
    board = sheet.block(
        (10.6, 0),
        (3.8, 6.2),
        "board",
        left=("5 V", "0 V", "RS-485"),
        right=("3.3 V", "CONTACTOR", "HEARTBEAT", "FEEDBACK", "I2C"),
    )
    for name in ("CONTACTOR", "HEARTBEAT", "FEEDBACK", "I2C"):
        sheet.wire(board[name], gate[name])
    sheet.wire(supply["+12 V"], (9.6, supply["+12 V"][1]), (9.6, board["5 V"][1]), board["5 V"])
    sheet.text((4.4, 5.7), "board: converter 12 V to 5 V")
    sheet.wire(supply["0 V"], (9, supply["0 V"][1]), (9, board["0 V"][1]), board["0 V"])
    sheet.wire(
        (9.6, supply["+12 V"][1]),
        (9.6, -0.6),
        (15.6, -0.6),
        (15.6, gate["+12 V"][1]),
        gate["+12 V"],
    )
    sheet.dot((9.6, supply["+12 V"][1]))
    sheet.wire(board["RS-485"], (9.9, board["RS-485"][1]), (9.9, 8.6), (12.4, 8.6), (12.4, 9.2))
    sheet.text((12.6, 8.8), "A, B: isolated transceiver")
    sheet.wire(
        gate["coil of K1"], (21.8, gate["coil of K1"][1]), (21.8, 8.6), (18.6, 8.6), (18.6, 9.2)
    )
    sheet.wire(gate["OK, TEST"], (24.8, gate["OK, TEST"][1]), (24.8, 9.2))
    sheet.wire(
        gate["PILOT"], (28.9, gate["PILOT"][1]), (28.9, plug["CP"][1]), plug["CP"], colour="low"
    )
    sheet.wire(gate["S1, S2"], (22.4, gate["S1, S2"][1]))
    sheet.signal((22.4, gate["S1, S2"][1]), "emergency stop, switch 80 °C", leaves=True)
    sheet.text((29.4, 7.5), "PP: in the plug of the cable,")
    sheet.text((29.4, 7.0), "680 Ω to PE for 20 A")
