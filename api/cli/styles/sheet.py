"""Looking before choosing: one photo in every style, or in one at several strengths."""

import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from api.cli.options import AsJson, Overwrite, StrokeSize, Url
from api.cli.progress import previewing
from api.cli.service import FAILED, UsageError, connect
from api.cli.tables import print_json
from impasto_client import Client, Stroke, StylePreview, to_json

#: What a sheet is written as.
SUFFIXES: Final = (".jpg", ".jpeg")

PhotoFile = Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo to look at.")]
Shown = Annotated[
    list[str] | None,
    typer.Option(
        "--style", metavar="NAME", help="A style to show; may be repeated. Default: all of them."
    ),
]
OneStyle = Annotated[str, typer.Argument(metavar="NAME", help="Name of the style.")]
At = Annotated[
    str | None,
    typer.Option(
        metavar="STRENGTHS",
        help="Strengths between 0 and 1, with commas. Default: 0.1,0.25,0.5,0.75,1.",
        show_default=False,
    ),
]
Side = Annotated[
    int | None,
    typer.Option(
        min=64,
        max=1024,
        help="Pixels of the long side of each picture. Default: 512.",
        show_default=False,
    ),
]
SheetFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="JPEG to write, or a folder for it. Default: PHOTO-styles.jpg, or PHOTO-NAME.jpg, in "
        "this folder.",
        show_default=False,
    ),
]


def sheet(
    context: typer.Context,
    photo: PhotoFile,
    style: Shown = None,
    side: Side = None,
    stroke: StrokeSize = "native",
    out: SheetFile = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show a photo in all styles, as one picture.

    \b
    impasto styles sheet beach.jpg
    impasto styles sheet beach.jpg --style water-lilies --style great-wave --out choice.jpg

    It takes seconds: the pictures are small, and are painted before albums go on. Strokes have a
    size in pixels, so on the full photo they are finer than here, but for `--stroke proportional`,
    with which the photo will look as on the sheet. The exit code is 0 when the
    sheet is there, 1 when a style is missing on it, 2 when nothing could be done.
    """
    with connect(url or context.obj) as client:
        path = _sheet_path(photo, out, "styles")
        preview = _painted(client, photo, styles=style, side=side, stroke=stroke, quiet=as_json)
        _fetch(client, photo, preview, path, overwrite=overwrite, as_json=as_json)


def strengths(
    context: typer.Context,
    name: OneStyle,
    photo: PhotoFile,
    at: At = None,
    side: Side = None,
    stroke: StrokeSize = "native",
    out: SheetFile = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show a photo in one style at several strengths, as one picture.

    \b
    impasto styles strengths water-lilies beach.jpg
    impasto styles strengths water-lilies beach.jpg --at 0,0.2,0.4,0.6,0.8,1

    Exit codes are those of `sheet`.
    """
    with connect(url or context.obj) as client:
        path = _sheet_path(photo, out, name)
        wanted = None if at is None else _numbers(at)
        preview = _painted(
            client, photo, style=name, at=wanted, side=side, stroke=stroke, quiet=as_json
        )
        _fetch(client, photo, preview, path, overwrite=overwrite, as_json=as_json)


def _sheet_path(photo: Path, out: Path | None, what: str) -> Path:
    """Return where a sheet goes: not beside the photos, where it would be taken for one of them.

    Raises UsageError where it would be taken for something else.
    """
    name = f"{photo.stem}-{what}{SUFFIXES[0]}"
    if out is None or out.is_dir():
        return (out or Path()) / name
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {out}: a sheet is a JPEG; give it a name that ends in .jpg.")
    return out


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--at {text!r} is no list of numbers such as 0,0.5,1.") from error


def _painted(
    client: Client,
    photo: Path,
    *,
    styles: list[str] | None = None,
    style: str | None = None,
    at: list[float] | None = None,
    side: int | None,
    stroke: Stroke,
    quiet: bool,
) -> StylePreview:
    """Send a photo and wait for its sheet; raises UsageError where it failed."""
    if photo.is_dir():
        raise UsageError(f"{photo} is a folder; name one photo.")
    if not photo.exists():
        raise UsageError(f"{photo} is not there.")
    for name in styles or () if style is None else (style,):
        client.style(name)  # before anything is sent
    with previewing(photo.stat().st_size, quiet=quiet) as (sent, show):
        preview = client.submit_preview(
            photo,
            styles=styles,
            style=style,
            strengths=at,
            side=side,
            stroke=stroke,
            sent=sent,
        )
        for seen in client.watch_preview(preview.id):
            show(preview := seen)
    if preview.error is not None:
        raise UsageError(f"{photo}: {preview.error.detail}")
    return preview


def _fetch(
    client: Client,
    photo: Path,
    preview: StylePreview,
    path: Path,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the sheet, and say where it is and how to go on."""
    assert preview.sheet is not None
    written = client.save(preview.sheet.address, path, overwrite=overwrite)
    failed = [picture for picture in preview.pictures if picture.error]
    if as_json:
        print_json({**to_json(preview), "path": str(written)})
    else:
        typer.echo(written)
        for picture in failed:
            assert picture.error is not None
            typer.echo(f"impasto: {picture.style}: {picture.error.detail}", err=True)
        typer.echo(_hint(photo, preview))
    if failed:
        raise typer.Exit(FAILED)


def _hint(photo: Path, preview: StylePreview) -> str:
    """Say how the photo is painted in what one has seen."""
    styles = {picture.style for picture in preview.pictures}
    name = styles.pop() if len(styles) == 1 else "NAME"
    strength = "" if name == "NAME" else " --strength 0.5"
    stroke = "" if preview.stroke == "native" else f" --stroke {preview.stroke}"
    command = f"impasto stylize {shlex.quote(str(photo))} --style {name}{strength}{stroke}"
    return f"To paint it in full size: {command}"
