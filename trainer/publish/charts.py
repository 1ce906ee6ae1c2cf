"""The loss chart of a training: content and style distance by iteration, stage by stage."""

import io
from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from infra.catalogue.card import StyleCard
from trainer.loss.objective import StepLoss

Kind = Literal["svg", "png"]

#: Inches, and dots an inch of the PNG.
SIZE: Final = (9.0, 5.5)
DOTS: Final = 110
#: Shares of the width and height.
MARGINS: Final = {"left": 0.12, "right": 0.985, "bottom": 0.09, "top": 0.94, "hspace": 0.08}
#: Points of a line at most; more would not be seen.
POINTS: Final = 600
#: The two lines' colours: blue and orange that colour-blind people tell apart.
COLOURS: Final = {"content": "#0072b2", "style": "#d55e00"}


class _PlainNumbers(LogFormatter):
    """Labels where matplotlib would put them, as people write them.

    To set powers of ten as formulas would take longer than the rest of the drawing.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def loss_charts(card: StyleCard, history: Sequence[Sequence[StepLoss]]) -> dict[Kind, bytes]:
    """Draw the losses of each stage so far; the same losses give the same bytes.

    Lines are training losses, dots are distances on held-out photos.
    """
    # Without pyplot: a figure of its own is gone with its last reference, and threads may draw.
    with rc_context({"svg.hashsalt": "impasto", "svg.fonttype": "none"}):
        figure = _figure(card, history)
        return {kind: _saved(figure, kind) for kind in get_args(Kind)}


def _figure(card: StyleCard, history: Sequence[Sequence[StepLoss]]) -> Figure:
    figure = Figure(figsize=SIZE, dpi=DOTS)
    # Margins that are known: to find them out takes longer than to draw all the rest.
    figure.subplots_adjust(**MARGINS)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw(upper, "content", card, history)
    _draw(lower, "style", card, history)
    # A title is a person's: a dollar sign in it is no formula.
    upper.set_title(f"{card.title}: distances by iteration", parse_math=False)
    lower.set_xlabel("iteration")
    return figure


def _saved(figure: Figure, kind: Kind) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format=kind, metadata={"Date": None} if kind == "svg" else {})
    return out.getvalue()


def _draw(
    axes: Axes,
    name: Literal["content", "style"],
    card: StyleCard,
    history: Sequence[Sequence[StepLoss]],
) -> None:
    ends = np.cumsum([0, *(len(stage) for stage in history)])
    for stage, losses in enumerate(history):
        values = [getattr(loss, name) for loss in losses]
        x, y = _smooth(np.array(values, float), int(ends[stage]))
        axes.plot(x, y, color=COLOURS[name], linewidth=1)
        axes.axvline(float(ends[stage + 1]), color="0.85", linewidth=0.8)
    for done in card.stages:
        at = float(ends[min(done.stage + 1, len(ends) - 1)])
        axes.plot(at, getattr(done.held_out, name), "o", color=COLOURS[name])
        axes.annotate(
            f"ratio {done.ratio:g}", (at, 0.97), xycoords=("data", "axes fraction"), rotation=90,
            ha="right", va="top", fontsize="x-small", color="0.4",
        )  # fmt: skip
    if any(losses for losses in history):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_PlainNumbers())
        axes.yaxis.set_minor_formatter(_PlainNumbers())
    axes.set_ylabel(f"{name} distance")
    axes.grid(visible=True, which="major", color="0.93")


def _smooth(values: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Average runs of iterations so that a line has POINTS at most."""
    run = max(1, -(-len(values) // POINTS), len(values) // 100)
    starts = range(0, len(values), run)
    parts = [values[at : at + run] for at in starts]
    places = [first + at + len(part) / 2 for at, part in zip(starts, parts, strict=True)]
    return np.array(places), np.array([part.mean() for part in parts])
