"""The desk: both boards, one supply of 12 V, lamps as the vehicle."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the current from the supply through both meters to the lamps, and the boards below."""
    sheet.text((0, 13.4), "Desk: 12 V, 5 A, safe to touch", big=True)
    sheet.text((0, 12.8), "Red is the current that is sold. Blue is the link and the pilot.")
    power = sheet.block((0, 8), (3.2, 4), "supply 12 V, 5 A", right=("+", "-"))
    meter = sheet.block(
        (7.4, 8), (3.6, 4), "INA228 of the pole", left=("VIN+", "GND"), right=("VIN-", "I2C")
    )
    relay = sheet.block(
        (13, 8), (3.8, 4), "relay module, 3.3 V", left=("COM", "IN"), right=("NO",)
    )
    own = sheet.block(
        (20.4, 8), (3.8, 4), "INA228 of the vehicle", left=("VIN+",), right=("VIN-", "I2C", "GND")
    )
    lamps = sheet.block((28, 8), (3.4, 4), "3 lamps, 12 V 21 W", left=("+", "-"))
    y = power["+"][1]
    sheet.wire(power["+"], (3.8, y), colour="mains")
    sheet.element("Fuse", (3.8, y), (6.2, y), "F: 5 A")
    sheet.wire((6.2, y), (6.8, y), (6.8, meter["VIN+"][1]), meter["VIN+"], colour="mains")
    sheet.wire(
        meter["VIN-"],
        (12, meter["VIN-"][1]),
        (12, relay["COM"][1]),
        relay["COM"],
        colour="mains",
    )
    sheet.wire(
        relay["NO"], (18, relay["NO"][1]), (18, own["VIN+"][1]), own["VIN+"], colour="mains"
    )
    sheet.text((17.3, relay["NO"][1] + 0.4), "XT60, +")
    sheet.wire(
        own["VIN-"], (26.4, own["VIN-"][1]), (26.4, lamps["+"][1]), lamps["+"], colour="mains"
    )
    low = 7.2
    sheet.wire(power["-"], (4.4, power["-"][1]), (4.4, low), (27.2, low), (27.2, lamps["-"][1]))
    sheet.wire((27.2, lamps["-"][1]), lamps["-"])
    sheet.text((17.3, low + 0.3), "XT60, -")
    sheet.wire(meter["GND"], (6.8, meter["GND"][1]), (6.8, low))
    sheet.wire(own["GND"], (25.2, own["GND"][1]), (25.2, low))
    sheet.dot((6.8, low), (25.2, low))
    pole = sheet.block(
        (5, 0),
        (6.6, 5.6),
        "ESP32-S3, role pole",
        left=("USB", "0 V"),
        right=("I2C", "CONTACTOR", "link TX", "link RX", "PILOT"),
    )
    vehicle = sheet.block(
        (21, 0),
        (6.6, 5.6),
        "ESP32-S3, role vehicle",
        left=("I2C", "link TX", "link RX", "PILOT"),
        right=("USB", "0 V"),
    )
    sheet.wire(pole["0 V"], (4, pole["0 V"][1]), (4, low), (4.4, low))
    sheet.wire(vehicle["0 V"], (28.6, vehicle["0 V"][1]), (28.6, low), (27.2, low))
    sheet.dot((4.4, low), (27.2, low))
    sheet.wire(meter["I2C"], (12.4, meter["I2C"][1]), (12.4, pole["I2C"][1]), pole["I2C"])
    sheet.wire(
        relay["IN"], (12.7, relay["IN"][1]), (12.7, pole["CONTACTOR"][1]), pole["CONTACTOR"]
    )
    sheet.wire(own["I2C"], (24.8, own["I2C"][1]), (24.8, 6.4), (20, 6.4), (20, vehicle["I2C"][1]))
    sheet.wire((20, vehicle["I2C"][1]), vehicle["I2C"])
    for start, end, x in (("link TX", "link RX", 17.2), ("link RX", "link TX", 18.4)):
        sheet.wire(
            pole[start], (x, pole[start][1]), (x, vehicle[end][1]), vehicle[end], colour="low"
        )
    sheet.wire(pole["PILOT"], (15.6, pole["PILOT"][1]), (15.6, vehicle["PILOT"][1]), colour="low")
    sheet.wire((15.6, vehicle["PILOT"][1]), vehicle["PILOT"], colour="low")
    sheet.text((13, 0.2), "with the parts of the drawing 'pilot'")
    for board in (pole, vehicle):
        side = -0.5 if board is pole else 0.5
        sheet.wire(board["USB"], (board["USB"][0] + side, board["USB"][1]))
        sheet.signal((board["USB"][0] + side, board["USB"][1]), "computer", leaves=side > 0)
