"""What a GPU was measured at, and the tables of it."""

from dataclasses import dataclass

from tests.bench.common.tables import table


@dataclass(frozen=True, slots=True)
class Result:
    """One way to paint, for a profile and a size."""

    profile: str
    way: str
    size: tuple[int, int]
    megapixels_a_second: float
    gain: float
    #: Of the half-precision peak.
    peak_share: float
    largest_difference: int
    within_one: float
    psnr: float


def results_table(results: list[Result], *, measured: bool) -> str:
    """Return the table of the engine; a share of the peak only where something is measured."""
    columns = ("net, photo, way", "MP/s", "of plain", "of peak", "largest", "within 1/255", "PSNR")
    rows = [
        (
            f"{r.profile}, {r.size[1]}×{r.size[0]}, {r.way}",
            f"{r.megapixels_a_second:.1f}",
            f"{r.gain:.1f}×",
            f"{r.peak_share:.1%}" if measured else "–",
            r.largest_difference,
            f"{r.within_one:.2%}",
            f"{r.psnr:.1f}",
        )
        for r in results
    ]
    return table(columns, rows)


def albums_table(albums: dict[str, dict[str, float]]) -> str:
    """Return the table of albums: the slower of engine and codecs bounds one."""
    rows = [
        (f"{profile}, {what}", f"{speed:.2f}")
        for profile, speeds in albums.items()
        for what, speed in speeds.items()
    ]
    return table(("net, what", "a second"), rows)
