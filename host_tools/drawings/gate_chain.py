"""The coil's chain: each condition has a switch of its own in one path of current."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw from the supply on the left to ground on the right."""
    sheet.text((0, 9.4), "Gate, part 3: the chain of the coil", big=True)
    sheet.text(
        (0, 8.8), "Every condition is a switch in one path. Any one of them opens the contactor."
    )
    y = 6.0
    sheet.supply((0, y), "+12 V")
    sheet.part("Fuse", "F1", (0, y), (2, y))
    sheet.part("Switch", "S1", (2, y), (4.5, y))
    sheet.part("Switch", "S2", (4.5, y), (7, y))
    sheet.text((2.2, y - 0.7), "opens when pressed")
    sheet.text((4.9, y - 0.7), "opens when hot")
    sheet.wire((7, y), (9, y))
    sheet.dot((7.6, y))
    sheet.wire((9, y), (9, y - 2))
    high = sheet.transistor("PMos", "Q1", (9, y - 2), "source")
    g = high.gate
    sheet.wire(g, (7.6, g[1]))
    sheet.dot((7.6, g[1]))
    sheet.part("Resistor", "R11", (7.6, y), (7.6, g[1]), side="top")
    sheet.part("Resistor", "R20", (7.6, g[1]), (7.6, g[1] - 2.2), side="top")
    small = sheet.transistor("NMos", "Q5", (7.6, g[1] - 2.2), "drain")
    sheet.ground(small.source)
    sheet.wire(small.gate, (small.gate[0] - 1.4, small.gate[1]))
    sheet.signal((small.gate[0] - 1.4, small.gate[1]), "WATCHDOG_OK", leaves=False)
    # Coil and clamp.
    c = high.drain
    sheet.dot((c[0], c[1]))
    sheet.wire(c, (11, c[1]))
    end = (11, c[1] - 2.4)
    sheet.element("Inductor2", (11, c[1]), end, "K1\n12 V coil", side="bottom")
    sheet.dot((11, c[1]), end)
    sheet.wire((11, c[1]), (14, c[1]))
    sheet.part("DiodeTVS", "D3", (14, c[1]), (14, end[1]), side="bottom")
    sheet.wire((14, end[1]), end)
    # The low side.
    below = end
    names = {"Q2": "PILOT_OK", "Q3": "LATCH_OK", "Q4": "CONTACTOR"}
    for ref, name in names.items():
        low = sheet.transistor("NMos", ref, below, "drain")
        sheet.wire(low.gate, (low.gate[0] - 0.8, low.gate[1]))
        sheet.signal((low.gate[0] - 0.8, low.gate[1]), name, leaves=False)
        if ref == "Q4":
            place = (low.gate[0] - 0.4, low.gate[1])
            sheet.dot(place)
            sheet.part("Resistor", "R18", place, (place[0], place[1] - 2), side="top")
            sheet.ground((place[0], place[1] - 2))
        below = low.source
    sheet.ground(below)
    sheet.text((16.4, c[1]), "D3 lets the coil's current end in some ms.")
    sheet.text((16.4, c[1] - 0.5), "A plain diode would hold the contacts for longer.")
    contact = sheet.block(
        (16.4, -2.6), (4.6, 3.2), "auxiliary of K1", left=(), right=("mirror contact", "0 V")
    )
    sheet.wire(contact["mirror contact"], (22.2, contact["mirror contact"][1]))
    sheet.signal((22.2, contact["mirror contact"][1]), "FEEDBACK", leaves=True)
    sheet.wire(contact["0 V"], (22.2, contact["0 V"][1]))
    sheet.ground((22.2, contact["0 V"][1]))
    stop = sheet.block(
        (16.4, -6.4), (4.6, 3.2), "second contact of S1", right=("closed: well", "0 V")
    )
    sheet.wire(stop["closed: well"], (22.2, stop["closed: well"][1]))
    sheet.signal((22.2, stop["closed: well"][1]), "EMERGENCY", leaves=True)
    sheet.wire(stop["0 V"], (22.2, stop["0 V"][1]))
    sheet.ground((22.2, stop["0 V"][1]))
    supply = sheet.block((0, -6.4), (4.6, 2.6), sheet.label("C7"), right=("+ of each U", "0 V"))
    sheet.wire(supply["0 V"], (5.8, supply["0 V"][1]))
    sheet.ground((5.8, supply["0 V"][1]))
