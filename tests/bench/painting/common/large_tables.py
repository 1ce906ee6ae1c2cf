"""What large photos were measured at, the tables of it, and the limits that it is held against."""

from dataclasses import dataclass

from tests.bench.common.promises import Promise, at_least, at_most
from tests.bench.common.tables import table

#: What a worker may take above its idle state, by default.
MEMORY_BYTES = 2 << 30
#: What is promised besides: seconds a megapixel, largest over least; the share of pixels within
#: 2/255 of the painting as a whole, and what none exceeds; the difference beside tiles' borders
#: over that elsewhere; and the time over that of the painting as a whole.
LINEAR, WITHIN_TWO, LARGEST, AT_BORDERS, STREAMED = 1.15, 0.999, 6, 1.5, 1.7


@dataclass(frozen=True, slots=True)
class Painted:
    """A large photo's way through a process of its own."""

    height: int
    width: int
    #: Of painting alone.
    seconds: float
    cpu_seconds: float
    #: Bytes above the idle process, at the most, from file to file.
    peak_bytes: int

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.height * self.width / 1e6


@dataclass(frozen=True, slots=True)
class Served:
    """The way of some large photos through a whole service."""

    megapixels: float
    photos: int
    #: From the job's creation to its end.
    seconds: float
    #: Bytes of the worker's child and its decoders above the idle ones, at the most.
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One photo as a whole and tile by tile: best of all turns, in seconds; and differences."""

    megapixels: float
    whole_seconds: float
    whole_cpu_seconds: float
    streamed_seconds: float
    streamed_cpu_seconds: float
    largest_difference: int
    within_two: float
    #: Mean difference in rows and columns beside tiles' borders, over that everywhere else.
    at_borders: float


def painted_table(painted: list[Painted]) -> str:
    """Return the table of large photos."""
    rows = [
        (
            f"{p.width}×{p.height}",
            f"{p.megapixels:.0f}",
            f"{p.seconds:.1f}",
            f"{p.seconds / p.megapixels:.2f}",
            f"{p.cpu_seconds / p.megapixels:.2f}",
            f"{p.peak_bytes / 1e6:.0f}",
            f"{p.peak_bytes / MEMORY_BYTES:.0%}",
        )
        for p in painted
    ]
    columns = ("photo", "MP", "s", "s/MP", "CPU s/MP", "MB above idle", "of 2 GiB")
    return table(columns, rows)


def compared_table(c: Compared) -> str:
    """Return the table of one photo painted both ways."""
    rows = [
        ("as a whole, s", f"{c.whole_seconds:.1f}", f"{c.whole_cpu_seconds:.1f}"),
        ("tile by tile, s", f"{c.streamed_seconds:.1f}", f"{c.streamed_cpu_seconds:.1f}"),
        (
            "ratio",
            f"{c.streamed_seconds / c.whole_seconds:.2f}×",
            f"{c.streamed_cpu_seconds / c.whole_cpu_seconds:.2f}×",
        ),
    ]
    return (
        table((f"{c.megapixels:.1f} MP", "wall", "CPU"), rows)
        + f"\n\nLargest difference {c.largest_difference}/255; within 2/255: {c.within_two:.3%} of "
        f"pixels; beside tiles' borders {c.at_borders:.2f} times the difference elsewhere."
    )


def served_sentence(served: Served) -> str:
    """Say what the service took for a photo."""
    return (
        f"Through the whole service, {served.photos} photos of {served.megapixels:.0f} MP: "
        f"{served.seconds:.1f} s, and "
        f"{served.peak_bytes / 1e6:.0f} MB above the idle worker."
    )


def promises(painted: list[Painted], compared: Compared, served: Served | None) -> list[Promise]:
    """Hold memory, time and exactness against their limits."""
    memory = [(f"{p.megapixels:.0f} MP", p.peak_bytes) for p in painted]
    if served:
        memory.append((f"{served.megapixels:.0f} MP, whole service", served.peak_bytes))
    made = [
        at_most(f"{what}: MB above idle", peak / 1e6, MEMORY_BYTES / 1e6, "{:.0f}")
        for what, peak in memory
    ]
    rates = [p.seconds / p.megapixels for p in painted]
    streamed = compared.streamed_seconds / compared.whole_seconds
    return [
        *made,
        at_most(
            "seconds a megapixel, largest over least", max(rates) / min(rates), LINEAR, "{:.2f}×"
        ),
        at_least("pixels within 2/255 of the whole", compared.within_two, WITHIN_TWO, "{:.3%}"),
        at_most("largest difference, of 255", compared.largest_difference, LARGEST, "{:.0f}"),
        at_most("difference at borders over elsewhere", compared.at_borders, AT_BORDERS, "{:.2f}"),
        at_most("time over the whole's", streamed, STREAMED, "{:.2f}×"),
    ]
