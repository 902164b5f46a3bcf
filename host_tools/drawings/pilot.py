"""The control pilot on both sides: the pole's driver and detector, the vehicle's resistors."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw from the pole's driver on the left to the vehicle's pilot switch on the right."""
    sheet.text((-3, 9.6), "Control pilot, IEC 61851-1", big=True)
    sheet.text(
        (-3, 9), "The resistors that the standard names: 1 kΩ, 2.74 kΩ and 1.3 kΩ, all 1 %."
    )
    driver = sheet.block(
        (-1, 4), (5, 4), "TL071 as comparator, ±12 V", left=("PILOT_OUT", "1.65 V"), right=("out",)
    )
    for name, text in (("PILOT_OUT", "PILOT_OUT"), ("1.65 V", "divider 10 kΩ, 10 kΩ of 3.3 V")):
        sheet.wire(driver[name], (-2, driver[name][1]))
        sheet.signal((-2, driver[name][1]), text, leaves=False)
    y = driver["out"][1]
    sheet.element("Resistor", driver["out"], (6.6, y), "1 kΩ")
    sheet.wire((6.6, y), (13, y), colour="low")
    sheet.dot((7.6, y))
    sheet.text((10, y + 0.3), "CP")
    # The detector of the peak.
    sheet.wire((7.6, y), (7.6, 3))
    sheet.element("Diode", (7.6, 3), (5.6, 3), "1N4148")
    sheet.dot((5.2, 3), (3.2, 3))
    sheet.wire((5.6, 3), (3.2, 3))
    sheet.element("Capacitor", (5.2, 3), (5.2, 1), "100 nF", "bottom")
    sheet.element("Resistor", (3.2, 3), (0.6, 3), "40.2 kΩ")
    sheet.dot((0.6, 3))
    sheet.element("Resistor", (0.6, 3), (0.6, 1), "10 kΩ", "bottom")
    sheet.ground((5.2, 1), (0.6, 1))
    sheet.wire((0.6, 3), (-2, 3))
    sheet.dot((-0.8, 3))
    sheet.wire((-0.8, 3), (-0.8, 2.6))
    sheet.element("Schottky", (-0.8, 2.6), (-0.8, 0.8), "BAT54", "bottom")
    sheet.wire((-0.8, 0.8), (-2.4, 0.8))
    sheet.supply((-2.4, 0.8), "+3.3 V")
    sheet.signal((-2, 3), "PILOT_IN", leaves=False)
    # The detector of the negative peak, turned round.
    sheet.wire((7.6, 3), (7.6, -1.4))
    sheet.dot((7.6, 3))
    sheet.element("Diode", (5.6, -1.4), (7.6, -1.4), "1N4148")
    sheet.wire((5.6, -1.4), (4.4, -1.4))
    sheet.dot((5.2, -1.4))
    sheet.element("Capacitor", (5.2, -1.4), (5.2, -3.4), "100 nF", "bottom")
    sheet.ground((5.2, -3.4))
    turned = sheet.block((-0.6, -3.4), (5, 2.9), "TL071 as inverter", left=("out",), right=("in",))
    sheet.wire((4.4, -1.4), (4.6, -1.4), (4.6, turned["in"][1]), turned["in"])
    sheet.text((-0.4, -3.1), "100 kΩ in, 20 kΩ back: -1/5")
    sheet.wire(turned["out"], (-2, turned["out"][1]))
    sheet.signal((-2, turned["out"][1]), "PILOT_LOW", leaves=False)
    sheet.frame((-6.6, -4.4), (8.6, 8.6), "pole")
    # The vehicle.
    sheet.element("Diode", (13, y), (15, y), "1N4148")
    sheet.dot((15.6, y))
    sheet.wire((15, y), (18.4, y))
    sheet.element("Resistor", (15.6, y), (15.6, y - 2.2), "2.74 kΩ", "bottom")
    sheet.element("Resistor", (18.4, y), (18.4, y - 2.2), "1.3 kΩ", "bottom")
    sheet.element(
        "Switch", (18.4, y - 2.2), (18.4, y - 4.2), "pilot switch:\nrelay or MOSFET", "bottom"
    )
    sheet.wire((15.6, y - 2.2), (15.6, y - 4.2), (18.4, y - 4.2))
    sheet.wire((13, y - 4.2), (15.6, y - 4.2))
    sheet.dot((15.6, y - 4.2))
    sheet.wire((8.2, y - 4.2), (13, y - 4.2), colour="low")
    sheet.text((10, y - 3.9), "PE")
    sheet.ground((8.2, y - 4.2))
    sheet.text((14.4, 0.3), "open: state B, 9 V. Closed: state C, 6 V.")
    sheet.frame((12.4, -0.6), (22.6, 8.6), "vehicle")
