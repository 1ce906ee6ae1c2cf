"""Tables of results in Markdown, as README.md in tests/bench shows them."""

from collections.abc import Sequence
from statistics import fmean, stdev


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *("---:" for _ in columns[1:])]
    lines = [columns, rule, *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return `mean ± standard deviation`; the mean alone of a single value."""
    mean = f"{fmean(values):.{digits}f}"
    return f"{mean} ± {stdev(values):.{digits}f}" if len(values) > 1 else mean
