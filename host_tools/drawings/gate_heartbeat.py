"""The window watchdog of the gate: edges of the heartbeat, neither too slow nor too fast."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw from the line HEARTBEAT on the left to WATCHDOG_OK on the right."""
    sheet.text((0, 14.2), "Gate, part 1: the window watchdog of the heartbeat", big=True)
    sheet.text((0, 13.6), "Logic (U1, U2) at 3.3 V from the board; U3 and U4 at 12 V.")
    # Low-pass, Schmitt input.
    sheet.signal((0, 9), "HEARTBEAT", leaves=False)
    sheet.part("Resistor", "R1", (0, 9), (2.5, 9))
    sheet.part("Capacitor", "C1", (2.5, 9), (2.5, 7), side="bottom")
    sheet.ground((2.5, 7))
    first = sheet.gate("SchmittNot", "U1", (2.5, 9), "U1A")
    sheet.dot((2.5, 9))
    x = 5.6
    sheet.wire(first.out, (x, 9))
    sheet.dot((x, 9))
    # The straight path and the delayed one.
    sheet.wire((x, 9), (x, 11))
    straight = sheet.gate("SchmittNot", "U1", (x + 3, 11), "U1C")
    sheet.wire((x, 11), (x + 3, 11))
    sheet.part("Resistor", "R2", (x, 9), (x + 2.5, 9))
    sheet.part("Capacitor", "C2", (x + 2.5, 9), (x + 2.5, 7), side="bottom")
    sheet.ground((x + 2.5, 7))
    sheet.dot((x + 2.5, 9))
    delayed = sheet.gate("SchmittNot", "U1", (x + 3, 9), "U1B")
    sheet.wire((x + 2.5, 9), (x + 3, 9))
    xor = sheet.gate("Xor", "U2", (x + 6, 10), "U2A")
    for source, target in ((straight.out, xor.in1), (delayed.out, xor.in2)):
        middle = x + 5.5
        sheet.wire(source, (middle, source[1]), (middle, target[1]), target)
    sheet.text((0, 6), "R1 and C1 stop signals faster than any step: a PWM gives no edges here.")
    sheet.text((0, 5.5), "R2, C2 and U2A make one short pulse of each edge. A level makes none.")
    driver = sheet.gate("Buf", "U3", (x + 9, 10))
    sheet.wire(xor.out, (x + 9, 10))
    # The pump.
    p = driver.out[0] + 0.4
    sheet.wire(driver.out, (p, 10))
    sheet.dot((p, 10))
    sheet.part("Capacitor2", "C3", (p, 10), (p + 2, 10))
    sheet.part("Resistor", "R3", (p + 2, 10), (p + 4, 10))
    n = p + 4.3
    sheet.wire((p + 4, 10), (n, 10))
    sheet.dot((n, 10))
    sheet.part("Schottky", "D1", (n, 8), (n, 10), side="bottom")
    sheet.ground((n, 8))
    sheet.part("Diode", "D2", (n, 10), (n + 2, 10))
    v = n + 2.3
    sheet.wire((n + 2, 10), (v + 2.4, 10))
    sheet.dot((v, 10), (v + 1.6, 10))
    sheet.part("Capacitor", "C4", (v, 10), (v, 8), side="bottom")
    sheet.part("Resistor", "R4", (v + 1.6, 10), (v + 1.6, 8), side="bottom")
    sheet.ground((v, 8), (v + 1.6, 8))
    slow = sheet.comparator("U4", (v + 2.4, 10), "U4A\nslow")
    # Its threshold.
    t = v + 1.9
    sheet.wire(slow.in1, (t, slow.in1[1]))
    sheet.supply((t, 13.6), "+12 V")
    sheet.part("Resistor", "R5", (t, 13.6), (t, 12), side="bottom")
    sheet.wire((t, 12), (t, slow.in1[1]))
    sheet.dot((t, 12))
    sheet.part("Resistor", "R6", (t, 12), (t - 2, 12), side="top")
    sheet.ground((t - 2, 12))
    # The rate.
    sheet.wire((p, 10), (p, 4))
    sheet.part("Resistor", "R7", (p, 4), (p + 3, 4))
    sheet.dot((p + 3, 4))
    sheet.part("Capacitor", "C5", (p + 3, 4), (p + 3, 2), side="bottom")
    sheet.ground((p + 3, 2))
    fast = sheet.comparator("U4", (v + 2.4, 3.2), "U4B\nfast")
    sheet.wire((p + 3, 4), (v - 2, 4), (v - 2, fast.in1[1]), fast.in1)
    sheet.wire(fast.in2, (t, fast.in2[1]))
    sheet.dot((t, fast.in2[1]))
    sheet.part("Resistor", "R8", (t - 2.4, fast.in2[1]), (t, fast.in2[1]))
    sheet.supply((t - 2.4, fast.in2[1]), "+12 V")
    sheet.part("Resistor", "R9", (t, fast.in2[1]), (t, 1.2), side="bottom")
    sheet.ground((t, 1.2))
    # Both open drains on one wire.
    o = slow.out[0] + 1
    sheet.wire(slow.out, (o, slow.out[1]), (o, fast.out[1]), fast.out)
    sheet.dot((o, slow.out[1]))
    sheet.part("Resistor", "R10", (o, 13.2), (o, slow.out[1]), side="bottom")
    sheet.supply((o, 13.2), "+12 V")
    sheet.wire((o, slow.out[1]), (o + 1, slow.out[1]))
    sheet.signal((o + 1, slow.out[1]), "WATCHDOG_OK, to Q5", leaves=True)
