"""What a measurement is held against: each figure with its limit, and whether it keeps to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.common.tables import table


@dataclass(frozen=True, slots=True)
class Promise:
    """One figure and the limit that it is held against."""

    what: str
    figure: str
    limit: str
    kept: bool


def at_least(what: str, figure: float, limit: float, form: str) -> Promise:
    """Promise a figure of at least `limit`; `form` writes both, as in `{:.2f}×`."""
    return Promise(what, form.format(figure), f"≥ {form.format(limit)}", figure >= limit)


def at_most(what: str, figure: float, limit: float, form: str) -> Promise:
    """Promise a figure of at most `limit`; see `at_least`."""
    return Promise(what, form.format(figure), f"≤ {form.format(limit)}", figure <= limit)


def judge(promises: Sequence[Promise], scale: str) -> int:
    """Print each figure beside its limit; returns 1 when one is missed, as an exit code.

    At the scale `tiny` nothing is held against anything: its figures mean nothing.
    """
    rows = [
        (promise.what, promise.figure, promise.limit, "yes" if promise.kept else "NO")
        for promise in promises
    ]
    print(f"\n{table(('promise', 'measured', 'limit', 'kept'), rows)}")
    if scale == "tiny":
        print("\nAt this scale the figures mean nothing; all that was shown is that it runs.")
        return 0
    missed = sum(not promise.kept for promise in promises)
    print(f"\n{missed or 'None'} of {len(promises)} promises missed.")
    return 1 if missed else 0
