"""Windows: rectangles of a picture, which may reach beyond its border."""

from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Rows or columns from `start` up to `stop`; they may reach beyond the picture's border."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """The number of rows or columns."""
        return self.stop - self.start

    def inside(self, side: int) -> "Span":
        """Return the part within a picture of `side` rows or columns."""
        return Span(max(self.start, 0), min(self.stop, side))

    def within(self, outer: "Span") -> slice:
        """Return the slice of this span in an array that holds `outer`."""
        return slice(self.start - outer.start, self.stop - outer.start)


class Window(NamedTuple):
    """A rectangle of a picture."""

    rows: Span
    columns: Span

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window as an index of an array that holds the whole picture."""
        return slice(*self.rows), slice(*self.columns)


def tiling(height: int, width: int, side: int) -> Iterator[Window]:
    """Cover a picture with tiles of at most `side` pixels, row by row."""
    for rows in _cut(height, side):
        for columns in _cut(width, side):
            yield Window(rows, columns)


def _cut(length: int, side: int) -> list[Span]:
    return [Span(start, min(start + side, length)) for start in range(0, length, side)]
