"""The answers of the command line, as tables."""

import codecs
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.cli.album import Painted
from api.cli.progress import note
from impasto_client import Job, JobKind, StageDetail, Style

if TYPE_CHECKING:
    from infra.doctor import Examined

#: What is counted in a job.
UNITS: dict[JobKind, str] = {"stylize": "photos", "train": "stages"}
#: Rows of a table before it is cut short.
MAX_ROWS = 200
#: Columns of a table where no terminal says how many there are.
PIPE_COLUMNS = 160


def print_json(document: Any) -> None:  # noqa: ANN401  (anything that JSON can say)
    """Print a document as JSON for scripts."""
    # The stream's own escapes for what its encoding lacks would be no JSON.
    ascii_only = codecs.lookup(sys.stdout.encoding).name != "utf-8"
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=ascii_only) + "\n")


def show_results(photos: Sequence[Painted]) -> None:
    """Print the results of the photos, then the reasons of those that failed."""
    done = [photo for photo in photos if photo.path is not None]
    failed = [photo for photo in photos if photo.item.error is not None]
    short = _without_common_folder([photo.source for photo in photos])
    if done:
        rows = (
            (short[photo.source], _size(photo), f"{photo.item.seconds or 0:.2f}", str(photo.path))
            for photo in done
        )
        _print(("photo", "size", "seconds", "result"), rows, len(done))
    if failed:
        rows = (
            (short[photo.source], photo.item.error.type, photo.item.error.detail)
            for photo in failed
            if photo.item.error is not None
        )
        _print(("failed", "reason", "what happened"), rows, len(failed))


def tell_notes(photos: Sequence[Painted]) -> None:
    """Say what else there is to know of single photos, a line each."""
    told = [photo for photo in photos if photo.item.note is not None]
    for photo in told[:MAX_ROWS]:
        sys.stderr.write(f"{photo.source}: {photo.item.note}\n")
    if len(told) > MAX_ROWS:
        sys.stderr.write(f"… and {len(told) - MAX_ROWS} more\n")


def show_styles(styles: Sequence[Style]) -> None:
    """Print the published styles."""
    rows = (
        (
            style.name,
            style.title,
            str(len(style.stages)),
            " ".join(f"{stage.ratio:g}" for stage in style.stages),
            style.licence or "unknown",
            f"{style.published:%Y-%m-%d}",
            f"{style.visibility}, yours" if style.own else style.visibility,
        )
        for style in styles
    )
    _print(
        ("style", "title", "stages", "ratios", "licence", "published", "seen"), rows, len(styles)
    )


def show_jobs(jobs: Sequence[Job]) -> None:
    """Print jobs."""
    rows = (
        (
            job.id,
            f"{job.created.astimezone():%Y-%m-%d %H:%M}",
            job.style,
            f"{job.counts.done}/{job.counts.total} {UNITS[job.kind]}",
            note(job),
        )
        for job in jobs
    )
    _print(("job", "sent", "style", "done", "state"), rows, len(jobs))


def show_stages(stages: Sequence[StageDetail]) -> None:
    """Print the stages of a style, with measurements on photos they were not trained on."""
    rows = (
        (
            str(stage.stage),
            f"{stage.ratio:g}",
            f"{stage.strength:.3g}",
            *_distances(stage),
            stage.note or "",
        )
        for stage in stages
    )
    headings = ("stage", "ratio", "--strength", "content", "style", "SSIM", "note")
    _print(headings, rows, len(stages))


def show_findings(found: "Sequence[Examined]") -> None:
    """Print the findings of the doctor, each with advice."""
    rows = (
        (
            item.finding.part,
            item.finding.check,
            item.finding.detail,
            "repaired" if item.repaired else item.finding.advice,
        )
        for item in found
    )
    _print(("part", "finding", "what is wrong", "what to do"), rows, len(found))


def show_table(headings: Iterable[str], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of texts under their headings."""
    _print(headings, rows, len(rows))


def _distances(stage: StageDetail) -> tuple[str, str, str]:
    seen = stage.held_out
    if seen is None:
        return "", "", ""
    content, style, ssim = (
        "" if value is None else f"{value:.3f}" for value in (seen.content, seen.style, seen.ssim)
    )
    return content, style, ssim


def _without_common_folder(sources: Sequence[str]) -> dict[str, str]:
    """Return each path relative to the folder that all of them share."""
    folders = {os.path.dirname(source) for source in sources}
    try:
        common = os.path.commonpath(folders) if folders else ""
    except ValueError:  # some are absolute and some are not
        common = ""
    return {source: os.path.relpath(source, common) if common else source for source in sources}


def _size(photo: Painted) -> str:
    return f"{photo.item.width}×{photo.item.height}"


def _print(headings: Iterable[str], rows: Iterable[tuple[str, ...]], count: int) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row, _ in zip(rows, range(MAX_ROWS), strict=False):
        table.add_row(*map(Text, row))  # as texts: a name in brackets is no markup
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)
    console.print(table)
    if count > MAX_ROWS:
        console.print(f"… and {count - MAX_ROWS} more")
