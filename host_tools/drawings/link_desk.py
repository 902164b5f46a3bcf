"""The link's wires on the desk, and along a cable with a household plug."""

from joulestream.host_tools.drawings.link import draw_link
from joulestream.host_tools.drawings.sheet import Sheet


def draw(sheet: Sheet) -> None:
    """Draw the cable between pole and vehicle."""
    draw_link(
        sheet,
        "Link on the desk (XT60), or along a cable with a Schuko plug",
        (
            ("+ or L", "mains", "XT60: 2.5 mm². Schuko: 1.5 mm², 10 A for hours"),
            ("- or N", "mains", "the same"),
            ("PE", "plain", "Schuko only"),
            ("CP", "low", "0.25 mm²"),
            ("TX", "low", "UART, 3.3 V, 1 m at most; above RS-485"),
            ("RX", "low", "crossed: TX of one side to RX of the other"),
            ("0 V", "low", "XT60: the minus of 12 V does it"),
        ),
        "desk: none; mains: isolated",
        (
            "On the desk both boards share the minus of the supply; nothing is isolated.",
            "Along a mains cable the link has isolated transceivers of 2.5 kV on both sides,",
            "a cable of its own for 300 V, and a plug that fits nothing else (M12).",
        ),
    )
