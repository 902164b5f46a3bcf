"""A sheet of a drawing: schemdraw's elements at given places, and its SVG, the same every time."""

import re
from itertools import pairwise
from typing import Any, Literal

import schemdraw
from schemdraw import elements as elm
from schemdraw import logic

from joulestream.host_tools.hardware.materials import gate_parts

Point = tuple[float, float]
Align = Literal["left", "center", "right"]

_UNIT = 2.0
_FONT = 11
_SMALL = 9
# schemdraw sets a text so much above its place.
_RISE = 0.16
_MAINS = "#b00020"
_LOW = "#00509d"
COLOURS = {"mains": _MAINS, "low": _LOW, "plain": "black"}


class Sheet:
    """Draws at coordinates; a part of the gate gets its value from the parts list.

    Attributes:
        refs: the names of the gate's parts that were drawn.
    """

    def __init__(self) -> None:
        self._drawing = schemdraw.Drawing(canvas="svg", show=False)
        self._drawing.config(unit=_UNIT, fontsize=_FONT, lw=1.5, margin=0.8)
        self._parts = gate_parts()
        self.refs: set[str] = set()

    # The gate's parts

    def label(self, ref: str) -> str:
        """Return name and value of a part, and note that it was drawn."""
        self.refs.add(ref)
        return f"{ref}\n{self._parts[ref].value}"

    def part(self, kind: str, ref: str, start: Point, end: Point, *, side: str = "top") -> Any:
        """Draw a two-ended part of schemdraw's `kind` from `start` to `end`."""
        element = getattr(elm, kind)().at(start).to(end)
        return self._drawing.add(element.label(self.label(ref), loc=side, fontsize=_SMALL))

    def gate(self, kind: str, ref: str, at: Point, name: str = "") -> Any:
        """Draw a logic symbol; `ref` is the circuit and `name` the section of it."""
        self.refs.add(ref)
        element = getattr(logic, kind)().at(at).right()
        return self._drawing.add(
            element.label(name or self.label(ref), loc="top", fontsize=_SMALL)
        )

    def comparator(self, ref: str, at: Point, name: str) -> Any:
        """Draw a comparator with its output to the right; `at` is its plus input."""
        self.refs.add(ref)
        element = elm.Opamp(leads=False).anchor("in2").at(at).right()
        return self._drawing.add(element.label(name, loc="center", fontsize=_SMALL))

    def transistor(self, kind: str, ref: str, at: Point, anchor: str) -> Any:
        """Draw a MOSFET with one of its anchors at a place."""
        element = getattr(elm, kind)().anchor(anchor).at(at).theta(0)
        return self._drawing.add(element.label(self.label(ref), loc="right", fontsize=_SMALL))

    # Everything else

    def element(
        self, kind: str, start: Point, end: Point, text: str = "", side: str = "top"
    ) -> Any:
        """Draw a two-ended element that is none of the gate's parts."""
        element = getattr(elm, kind)().at(start).to(end)
        return self._drawing.add(element.label(text, loc=side, fontsize=_SMALL))

    def wire(self, *points: Point, colour: str = "plain", dashed: bool = False) -> None:
        """Draw a line through some points."""
        for start, end in pairwise(points):
            line = elm.Line().at(start).to(end).color(COLOURS[colour])
            self._drawing.add(line.linestyle("--") if dashed else line)

    def dot(self, *points: Point) -> None:
        """Draw a joint of wires at each point."""
        for point in points:
            self._drawing.add(elm.Dot().at(point).theta(0))

    def ground(self, *points: Point) -> None:
        """Draw the sign of ground at each point."""
        for point in points:
            self._drawing.add(elm.Ground().at(point).theta(0))

    def supply(self, at: Point, text: str) -> None:
        """Draw the sign of a supply."""
        self._drawing.add(elm.Vdd().at(at).theta(0).label(text, fontsize=_SMALL))

    def text(self, at: Point, text: str, *, big: bool = False, align: Align = "left") -> None:
        """Write a text; `at` is the middle of its left end."""
        label = (
            elm.Label()
            .at((at[0], at[1] - _RISE))
            .theta(0)
            .label(
                text,
                loc="center",
                ofst=0,
                halign=align,
                valign="center",
                fontsize=_FONT + 2 if big else _SMALL,
            )
        )
        self._drawing.add(label)

    def signal(self, at: Point, text: str, *, leaves: bool) -> None:
        """Write the name of a line that comes from outside the sheet, or leaves it."""
        self._drawing.add(elm.Dot(open=True).at(at).theta(0))
        shift = 0.25 if leaves else -0.25
        self.text((at[0] + shift, at[1]), text, align="left" if leaves else "right")

    def block(
        self,
        at: Point,
        size: Point,
        title: str,
        *,
        left: tuple[str, ...] = (),
        right: tuple[str, ...] = (),
        colour: str = "plain",
    ) -> dict[str, Point]:
        """Draw a box with its lower left corner at `at`; return the places of its pins."""
        (x, y), (width, height) = at, size
        box = (
            elm.Rect(corner1=(0, 0), corner2=(width, height))
            .at(at)
            .theta(0)
            .color(COLOURS[colour])
        )
        self._drawing.add(box)
        self.text((x + width / 2, y + height - 0.45), title, align="center")
        places: dict[str, Point] = {}
        sides: tuple[tuple[tuple[str, ...], float, Align, float], ...] = (
            (left, x, "left", 0.12),
            (right, x + width, "right", -0.12),
        )
        for names, edge, align, shift in sides:
            gap = (height - 0.8) / max(len(names), 1)
            for index, name in enumerate(names):
                place = (edge, y + height - 0.8 - gap * (index + 0.5))
                self.text((edge + shift, place[1]), name, align=align)
                places[name] = place
        return places

    def frame(self, start: Point, end: Point, text: str) -> None:
        """Draw a dashed frame between two corners, with a text at its upper left one."""
        self.wire(start, (end[0], start[1]), end, (start[0], end[1]), start, dashed=True)
        self.text((start[0] + 0.15, end[1] - 0.3), text)

    def svg(self) -> bytes:
        """Return the drawing as SVG: one element a line, and figures of two decimals.

        So another platform's last digits do not change the file.
        """
        text = self._drawing.get_imagedata("svg").decode()
        text = re.sub(r"-?\d+\.\d+", lambda found: _short(found.group()), text)
        text = text.replace("><", ">\n<")
        style = ' style="background:white" xmlns='
        return (text.replace(" xmlns=", style, 1).rstrip() + "\n").encode()


def _short(number: str) -> str:
    short = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short
