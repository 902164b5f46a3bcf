"""A cable between pole and vehicle, with the link's wires and their isolation."""

from joulestream.host_tools.drawings.sheet import Sheet

# A wire: its name, its colour in sheet.COLOURS, and words about it.
Wire = tuple[str, str, str]


def draw_link(
    sheet: Sheet, title: str, wires: tuple[Wire, ...], isolation: str, notes: tuple[str, ...]
) -> None:
    """Draw both ends, the wires between them, and the isolation in front of each board."""
    height = 1.2 + 0.9 * len(wires)
    names = tuple(name for name, _, _ in wires)
    sheet.text((0, height + 1.4), title, big=True)
    pole = sheet.block((6, 0), (2.6, height), "plug of the pole", right=names)
    vehicle = sheet.block((22, 0), (2.6, height), "inlet", left=names)
    for name, colour, words in wires:
        sheet.wire(pole[name], vehicle[name], colour=colour)
        sheet.text((9.2, pole[name][1] + 0.22), words)
    link = [pole[name][1] for name, colour, _ in wires if colour == "low" and name != "CP"]
    middle = sum(link) / len(link)
    for x, board, inner, outer in ((0, "pole", 4.4, 6.0), (26.2, "vehicle", 24.6, 26.2)):
        block = sheet.block((x, middle - 1.2), (4.4, 2.4), f"board, {board}", left=(), right=())
        assert not block
        sheet.text((x + 0.3, middle - 0.5), isolation)
        sheet.wire((inner, middle), (outer, middle), colour="low")
    for index, note in enumerate(notes):
        sheet.text((0, -1.4 - 0.55 * index), note)
