"""The link's wires along a cable with a CEE plug."""

from joulestream.host_tools.drawings.link import draw_link
from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the cable between pole and vehicle."""
    draw_link(
        sheet,
        "Link along a CEE cable: three phases, 16 A or 32 A",
        (
            ("L1", "mains", "16 A: 2.5 mm². 32 A: 6 mm²"),
            ("L2", "mains", "the same"),
            ("L3", "mains", "the same"),
            ("N", "mains", "the same"),
            ("PE", "plain", "the same"),
            ("CP", "low", "with PE as its return, in the cable of the link"),
            ("A", "low", "RS-485 pair, 0.5 mm², insulated for 300 V"),
            ("B", "low", "twisted with A; 120 Ω at both ends"),
        ),
        "isolated RS-485",
        (
            "A CEE plug has no contact for a pilot, so CP runs in the link's cable.",
            "Without CP the gate stays open, in pilot state A: a bare CEE socket sells nothing.",
            "Isolation of 2.5 kV on both sides; the link's plug (M12, 5 poles) is mated first.",
        ),
    )
