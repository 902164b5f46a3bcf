"""The link's wires in a Type 2 cable: a further pair beside the power conductors."""

from joulestream.host_tools.drawings.link import draw_link
from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the cable between pole and vehicle."""
    draw_link(
        sheet,
        "Link with Type 2: CAN on a pair of its own, in or along the cable",
        (
            ("L1", "mains", "2.5 mm²"),
            ("N", "mains", "2.5 mm²"),
            ("PE", "plain", "2.5 mm²"),
            ("CP", "low", "0.5 mm²"),
            ("CAN H", "low", "pair, 2 x 0.25 mm², insulated for 300 V"),
            ("CAN L", "low", "twisted with CAN H; a plug M12 beside the Type 2"),
        ),
        "isolated CAN, 120 Ω",
        (
            "Type 2 has no free contacts: L2 and L3 may carry mains at another pole.",
            "So the pair has a plug of its own, an M12, tied to the cable.",
            "Both transceivers are isolated by 2.5 kV. The shield goes to PE at the pole only.",
        ),
    )
