"""The command `impasto styles`: list them, and move whole styles in, out and about."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import AsJson, Overwrite, Url
from api.cli.service import UsageError, connect
from api.cli.styles.sheet import sheet, strengths
from api.cli.tables import print_json, show_styles
from impasto_client import Style, Visibility, to_json

#: The suffix of an exported style.
SUFFIX = ".style.zip"

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the style.")]
NewName = Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")]
ExportFile = Annotated[
    Path | None,
    typer.Option("--out", help=f"File to write. Default: NAME{SUFFIX}.", show_default=False),
]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="An exported style, or the folder of `python -m trainer train`."
    ),
]
OtherName = Annotated[
    str | None, typer.Option("--name", help="Another name than its own.", show_default=False)
]
Backbone = Annotated[
    Path | None,
    typer.Option(
        help="The net that a folder of a quick style was made for, if the service lacks it.",
        show_default=False,
    ),
]
Seen = Annotated[
    Visibility | None,
    typer.Option(
        help="Who sees it. Default: private where the service has keys, else shared.",
        show_default=False,
    ),
]

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def styles(context: typer.Context, as_json: AsJson = False, url: Url = None) -> None:
    """List the styles; look at them on a photo; export, import, share, rename and delete them.

    \b
    impasto styles
    impasto styles sheet beach.jpg
    impasto styles strengths night beach.jpg
    impasto styles export night
    impasto styles import night.style.zip --name night-2
    impasto styles import trained/night
    impasto styles share night
    impasto styles rename night midnight
    impasto styles delete midnight

    You see your own styles, shared ones, and those that came with the service. Only who trained
    or imported a style may change it.
    """
    context.obj = url
    if context.invoked_subcommand is not None:
        return
    with connect(url) as client:
        found = client.styles()
        if as_json:
            print_json([to_json(style) for style in found])
        elif found:
            show_styles(found)
        else:
            typer.echo("No style is published yet.")


app.command()(sheet)
app.command()(strengths)


@app.command("export")
def export_style(
    context: typer.Context,
    name: Name,
    out: ExportFile = None,
    overwrite: Overwrite = False,
    url: Url = None,
) -> None:
    """Write a style into one file: nets, card and pictures."""
    with connect(url or context.obj) as client:
        path = out if out is not None else Path(f"{name}{SUFFIX}")
        if path.is_dir():
            path /= f"{name}{SUFFIX}"
        typer.echo(client.export_style(name, path, overwrite=overwrite))


@app.command("import")
def import_style(
    context: typer.Context,
    source: Source,
    name: OtherName = None,
    visibility: Seen = None,
    backbone: Backbone = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Publish an exported style, or a folder that `python -m trainer train` wrote."""
    with connect(url or context.obj) as client:
        if not source.exists():
            raise UsageError(f"There is no {source}.")
        if backbone is not None and not source.is_dir():
            raise UsageError("--backbone goes with a folder; an exported file has its own.")
        style = client.import_style(source, name=name, visibility=visibility, backbone=backbone)
        _tell(style, as_json=as_json, what="Published")


@app.command()
def share(context: typer.Context, name: Name, as_json: AsJson = False, url: Url = None) -> None:
    """Let all tenants see a style of yours, and paint in it."""
    _show_to(context, name, "shared", as_json=as_json, url=url)


@app.command()
def unshare(context: typer.Context, name: Name, as_json: AsJson = False, url: Url = None) -> None:
    """Keep a style of yours to yourself again; albums that others have sent are still painted."""
    _show_to(context, name, "private", as_json=as_json, url=url)


@app.command()
def rename(
    context: typer.Context, name: Name, new: NewName, as_json: AsJson = False, url: Url = None
) -> None:
    """Give a style of yours another name."""
    with connect(url or context.obj) as client:
        _tell(client.change_style(name, name=new), as_json=as_json, what=f"{name} is now")


@app.command()
def delete(context: typer.Context, name: Name, url: Url = None) -> None:
    """Delete a style of yours; albums that were sent before are still painted."""
    with connect(url or context.obj) as client:
        client.delete_style(name)
        typer.echo(f"Deleted {name}.")


def _show_to(
    context: typer.Context, name: str, visibility: Visibility, *, as_json: bool, url: str | None
) -> None:
    with connect(url or context.obj) as client:
        changed = client.change_style(name, visibility=visibility)
        _tell(changed, as_json=as_json, what="Changed")


def _tell(style: Style, *, as_json: bool, what: str) -> None:
    if as_json:
        print_json(to_json(style))
    else:
        typer.echo(f"{what} {style.name} ({style.visibility}).")
