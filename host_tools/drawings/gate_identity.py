"""The gate's identification: an EEPROM on the board's I2C bus."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the EEPROM between the bus and its address pins."""
    sheet.text((-3, 5.4), "Gate, part 4: identification", big=True)
    sheet.text(
        (-3, 4.8),
        "Address 0x56: A2 and A1 high, A0 low. J1 is closed while the record is written.",
    )
    chip = sheet.block(
        (0, 0),
        (5, 4.2),
        sheet.label("U8"),
        left=("SDA", "SCL", "VCC"),
        right=("A2, A1", "A0, 0 V", "WP"),
    )
    for name in ("SDA", "SCL"):
        sheet.wire(chip[name], (-1.4, chip[name][1]))
        sheet.signal((-1.4, chip[name][1]), f"board {name}", leaves=False)
    sheet.wire(chip["VCC"], (-1, chip["VCC"][1]))
    sheet.supply((-1, chip["VCC"][1]), "+3.3 V")
    sheet.wire(chip["A2, A1"], (6.4, chip["A2, A1"][1]))
    sheet.supply((6.4, chip["A2, A1"][1]), "+3.3 V")
    sheet.wire(chip["A0, 0 V"], (10.6, chip["A0, 0 V"][1]))
    sheet.ground((10.6, chip["A0, 0 V"][1]))
    sheet.wire(chip["WP"], (7, chip["WP"][1]))
    sheet.dot((6, chip["WP"][1]))
    sheet.part("Switch", "J1", (6, chip["WP"][1]), (6, chip["WP"][1] - 2), side="bottom")
    sheet.ground((6, chip["WP"][1] - 2))
    sheet.part("Resistor", "R23", (7, chip["WP"][1]), (9.4, chip["WP"][1]))
    sheet.supply((9.4, chip["WP"][1]), "+3.3 V")
