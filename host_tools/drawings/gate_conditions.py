"""The pilot's comparators and the latch of the residual-current device."""

from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw both; each ends in a line to a switch of the coil's chain."""
    sheet.text(
        (-2, 15.2),
        "Gate, part 2: the pilot's comparators and the residual-current latch",
        big=True,
    )
    sheet.text(
        (-2, 14.6),
        "U5 and U7 at 12 V; U1 and U6 at 3.3 V. The peak of the pilot comes divided by 5.",
    )
    # Thresholds, from the top down.
    x = 3.0
    sheet.supply((x, 13.2), "+3.3 V")
    taps = {}
    for ref, top, bottom, volts in (
        ("R13", 13.2, 11.2, "2.1 V: 10.5 V"),
        ("R14", 11.2, 8.4, "1.5 V: 7.5 V"),
        ("R15", 8.4, 5.2, "0.3 V: 1.5 V"),
        ("R16", 5.2, 3.2, ""),
    ):
        sheet.part("Resistor", ref, (x, top), (x, bottom), side="top")
        taps[ref] = (x, bottom)
        if volts:
            sheet.dot((x, bottom))
            sheet.text((x + 0.2, bottom + 0.25), volts)
    sheet.ground((x, 3.2))
    # The peak.
    low = 1.9
    sheet.signal((-2, low), "PILOT_IN", leaves=False)
    sheet.part("Resistor", "R21", (-2, low), (0.5, low))
    sheet.dot((0.5, low))
    sheet.part("Capacitor", "C8", (0.5, low), (0.5, low - 2), side="top")
    sheet.ground((0.5, low - 2))
    peak = 7.0
    sheet.wire((0.5, low), (peak, low), (peak, 4))
    sheet.text((4.2, low + 0.25), "PEAK")
    vacant = sheet.comparator("U7", (9, 11.8), "U7A\nis A")
    calm = sheet.comparator("U5", (9, 8.4), "U5A\nbelow B")
    short = sheet.comparator("U5", (9, 4.6), "U5B\nabove E")
    sheet.wire((peak, 4), (peak, short.in2[1]), (peak, calm.in1[1]))
    sheet.wire((peak, short.in2[1]), short.in2)
    sheet.dot((peak, short.in2[1]))
    sheet.wire((peak, calm.in1[1]), calm.in1)
    sheet.dot((peak, calm.in1[1]))
    sheet.wire((peak, calm.in1[1]), (peak, vacant.in2[1]), vacant.in2)
    sheet.wire(taps["R13"], (5.6, 11.2), (5.6, vacant.in1[1]), vacant.in1)
    sheet.wire(taps["R14"], (x + 3, 8.4), calm.in2)
    sheet.wire(taps["R15"], (5.6, 5.2), (5.6, short.in1[1]), short.in1)
    # PILOT_OK.
    o = calm.out[0] + 0.8
    sheet.wire(calm.out, (o, calm.out[1]), (o, short.out[1]), short.out)
    sheet.dot((o, calm.out[1]))
    sheet.wire((o, calm.out[1]), (o + 1.6, calm.out[1]))
    sheet.part("Resistor", "R12", (o, calm.out[1] + 2), (o, calm.out[1]), side="bottom")
    sheet.supply((o, calm.out[1] + 2), "+12 V")
    sheet.signal((o + 1.6, calm.out[1]), "PILOT_OK, to Q2", leaves=True)
    # STATE_A to the flip-flop.
    s = vacant.out[0] + 0.8
    sheet.wire(vacant.out, (s, vacant.out[1]))
    sheet.dot((s, vacant.out[1]))
    sheet.part("Resistor", "R22", (s, vacant.out[1] + 2), (s, vacant.out[1]), side="bottom")
    sheet.supply((s, vacant.out[1] + 2), "+3.3 V")
    # The residual-current device.
    device = sheet.block(
        (-2, -4.6), (4.4, 3.4), "RDC-DD, IEC 62955", left=("TEST",), right=("OK: closed", "0 V")
    )
    sheet.wire(device["TEST"], (-3, device["TEST"][1]))
    sheet.signal((-3, device["TEST"][1]), "RESIDUAL_TEST", leaves=False)
    sheet.wire(device["0 V"], (3.2, device["0 V"][1]))
    sheet.ground((3.2, device["0 V"][1]))
    y = device["OK: closed"][1]
    sheet.wire(device["OK: closed"], (6, y))
    sheet.dot((4.4, y))
    sheet.part("Resistor", "R17", (4.4, y + 2), (4.4, y), side="bottom")
    sheet.supply((4.4, y + 2), "+3.3 V")
    ready = sheet.gate("SchmittNot", "U1", (6, y), "U1D")
    r = ready.out[0] + 0.6
    sheet.wire(ready.out, (r, y))
    sheet.dot((r, y))
    sheet.wire((4.4, y), (4.4, y - 1.2))
    sheet.signal((4.4, y - 1.2), "RESIDUAL", leaves=True)
    sheet.part("Resistor", "R19", (r, y), (r + 2.4, y))
    sheet.dot((r + 2.4, y))
    sheet.part("Capacitor", "C6", (r + 2.4, y), (r + 2.4, y - 2), side="bottom")
    sheet.ground((r + 2.4, y - 2))
    late = sheet.gate("SchmittNot", "U1", (r + 3.2, y), "U1E")
    sheet.wire((r + 2.4, y), (r + 3.2, y))
    later = sheet.gate("SchmittNot", "U1", (late.out[0] + 0.3, y), "U1F")
    sheet.wire(late.out, (late.out[0] + 0.3, y))
    sheet.refs.add("U6")
    latch = sheet.block(
        (17.6, -3.4), (3.6, 4.0), sheet.label("U6"), left=("D", "CLK", "/CLR"), right=("Q",)
    )
    sheet.wire((s, vacant.out[1]), (16.6, vacant.out[1]), (16.6, latch["D"][1]), latch["D"])
    sheet.wire(later.out, (16.8, y), (16.8, latch["CLK"][1]), latch["CLK"])
    sheet.wire((r, y), (r, latch["/CLR"][1] - 2.6), (17.2, latch["/CLR"][1] - 2.6))
    sheet.wire((17.2, latch["/CLR"][1] - 2.6), (17.2, latch["/CLR"][1]), latch["/CLR"])
    sheet.wire(latch["Q"], (22.4, latch["Q"][1]))
    sheet.signal((22.4, latch["Q"][1]), "LATCH_OK, to Q3", leaves=True)
    sheet.text(
        (-2, -6.2),
        "RESIDUAL goes to the board and is low while all is well. A broken wire counts as a trip.",
    )
    sheet.text(
        (-2, -6.7),
        "A trip clears U6 at once. The device's self-test sets it, when it ends in pilot state A.",
    )
