"""The vehicle's side: pilot switch, own meter, and the current limit of its charger."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the current from the inlet to the battery, and the board below."""
    sheet.text((0, 13.4), "Vehicle: inlet, own meter, charger", big=True)
    sheet.text(
        (0, 12.8), "The vehicle pays by its own meter. The charger draws what the board allows."
    )
    inlet = sheet.block((0, 6.6), (3, 5.4), "inlet", right=("L1", "N", "PE", "CP", "link"))
    meter = sheet.block(
        (6, 8.6), (4, 3.4), "own meter, Modbus", left=("L", "N"), right=("L'", "N'")
    )
    charger = sheet.block(
        (14, 7.4), (4.6, 4.6), "charger", left=("L", "N", "PE", "limit"), right=("+", "-")
    )
    battery = sheet.block((22, 8.6), (3, 3.4), "battery", left=("+", "-"))
    for left, right, names in (
        (inlet, meter, (("L1", "L"), ("N", "N"))),
        (meter, charger, (("L'", "L"), ("N'", "N"))),
        (charger, battery, (("+", "+"), ("-", "-"))),
    ):
        for index, (name, other) in enumerate(names):
            start, end = left[name], right[other]
            middle = start[0] + 1.2 - 0.4 * index
            sheet.wire(start, (middle, start[1]), (middle, end[1]), end, colour="mains")
    sheet.wire(inlet["PE"], (4.8, inlet["PE"][1]), (4.8, 8), (13, 8), (13, charger["PE"][1]))
    sheet.wire((13, charger["PE"][1]), charger["PE"])
    board = sheet.block(
        (6, 0),
        (5.6, 6),
        "board, role vehicle",
        left=("PILOT_IN, FEEDBACK", "PILOT_OUT: switch", "link"),
        right=("meter", "CONTACTOR: PWM", "CAN"),
    )
    sheet.wire(
        inlet["CP"],
        (4.2, inlet["CP"][1]),
        (4.2, board["PILOT_IN, FEEDBACK"][1]),
        board["PILOT_IN, FEEDBACK"],
        colour="low",
    )
    sheet.dot((4.2, board["PILOT_OUT: switch"][1]))
    sheet.wire(
        (4.2, board["PILOT_IN, FEEDBACK"][1]),
        (4.2, board["PILOT_OUT: switch"][1]),
        board["PILOT_OUT: switch"],
        colour="low",
    )
    sheet.wire(
        inlet["link"],
        (3.6, inlet["link"][1]),
        (3.6, board["link"][1]),
        board["link"],
        colour="low",
    )
    sheet.wire(board["meter"], (12.4, board["meter"][1]), (12.4, 7), (8, 7), (8, 8.6))
    sheet.text((8.2, 7.3), "RS-485, isolated")
    one = sheet.block((14, 3.4), (4.6, 2.4), "0 to 5 V, isolated", left=("PWM",), right=("out",))
    two = sheet.block(
        (14, 0), (4.6, 2.4), "CAN transceiver, isolated", left=("TX, RX",), right=("H, L",)
    )
    for pin, target in (("CONTACTOR: PWM", one["PWM"]), ("CAN", two["TX, RX"])):
        middle = 13 if pin == "CAN" else 12.8
        sheet.wire(board[pin], (middle, board[pin][1]), (middle, target[1]), target)
    y = charger["limit"][1]
    sheet.wire(
        one["out"], (19.6, one["out"][1]), (19.6, 6.6), (13.4, 6.6), (13.4, y), charger["limit"]
    )
    sheet.wire(two["H, L"], (20.2, two["H, L"][1]), (20.2, 6.3), (13.4, 6.3), dashed=True)
    sheet.wire((13.4, 6.3), (13.4, 6.6), dashed=True)
    sheet.text((20.5, 5), "The PWM has the pilot's duty for the same current.")
    sheet.text((20.5, 4.5), "CAN to the charger: no driver yet.")
