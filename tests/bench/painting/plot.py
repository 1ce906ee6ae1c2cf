"""Draws the speeds of tests/bench/README.md from what `bench engines` and `bench album` saved.

python3 infra/dev.py bench plot [--results .impasto/bench] [--picture infra/speed.svg]
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: (height, width) of the photos that are shown, where they were measured.
SIZE = (768, 1024)
#: One colour for what people start with, one for what Impasto does, in light and dark pages.
PLAIN, OURS = "#9a9a9a", "#2f6fb0"


def main() -> None:
    """Draw."""
    made = argparse.ArgumentParser(prog="infra/dev.py bench plot", description=__doc__)
    made.add_argument("--results", type=Path, default=Path(".impasto/bench"))
    made.add_argument("--picture", type=Path, default=Path("infra/speed.svg"))
    chosen = made.parse_args()
    engines, album = (_results(chosen.results, name) for name in ("engines", "album"))
    title = f"An album of mixed photos, {album['profile']} net"
    draw(engine_bars(engines["results"]), {title: album_bars(album["rounds"])}, chosen.picture)
    print(f"Drawn: {chosen.picture}")


def _results(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name / f"{name}.json"
    if not file.exists():
        raise SystemExit(f"There is no {file}; run first: python3 infra/dev.py bench {name}")
    return json.loads(file.read_text())


def engine_bars(results: list[dict[str, Any]]) -> dict[str, float]:
    """Return megapixels a second by profile and engine, at SIZE or the first size there is."""
    sizes = [tuple(result["size"]) for result in results]
    size = SIZE if SIZE in sizes else sizes[0]
    return {
        f"{r['profile']}, {r['engine']}": size[0] * size[1] / 1e6 / r["seconds"]
        for r in results
        if tuple(r["size"]) == size
    }


def album_bars(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return megapixels a second of the plain loop, an album and the engine alone."""
    named = {"plain loop": "plain", "album, whole service": "album", "engine alone": "bare"}
    return {name: statistics.median(one[field] for one in rounds) for name, field in named.items()}


def draw(engines: dict[str, float], albums: dict[str, dict[str, float]], picture: Path) -> None:
    """Draw the engines, and below them albums by their titles, as bars."""
    mpl.rcParams["svg.hashsalt"] = "impasto"  # the same numbers give the same file
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    groups = {"Engines": engines, **albums}
    heights = [len(group) + 1 for group in groups.values()]
    all_axes = figure.subplots(len(groups), 1, height_ratios=heights)
    for axes, (title, group) in zip(all_axes, groups.items(), strict=True):
        _bars(axes, title, group)
    all_axes[-1].set_xlabel("megapixels a second")
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


def _bars(axes: Axes, title: str, speeds: dict[str, float]) -> None:
    colours = [PLAIN if "plain" in name else OURS for name in speeds]
    bars = axes.barh(list(speeds), list(speeds.values()), color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=11)
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
