"""Prepare photos that styles are learned on, and list what is prepared."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from infra import layout
from infra.corpus import PHOTOS, STARTER
from infra.errors import ImpastoError
from infra.settings import at_home, load_settings
from infra.stack.attach import attach
from infra.storage.s3 import S3Store, connect_s3
from infra.tenants import DEFAULT_TENANT
from trainer.cli.console import console, fail
from trainer.data.corpus import CorpusRejected
from trainer.data.prepare import AlbumSources, FolderSources, Preparation, Sources
from trainer.data.shards import CorpusIndex, CorpusMissing, SkippedPhoto, read_corpus_index

#: What a corpus may be called: safe in a URL, an object key and a file name.
CORPUS_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
#: Photos that are named where they are left out.
NAMED: Final = 20
#: How an album of the service is named in place of a folder.
ALBUM: Final = "job:"

app = typer.Typer(
    help="Prepare photos that styles are learned on, and list what is prepared.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _check_tenant(name: str) -> str:
    try:
        layout.tenant_prefix(name)
    except ValueError:
        fail(f"{name!r} cannot be a tenant's name: it is one part of a key in the bucket.")
    return name


Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Address of the service. Default: IMPASTO_URL, else the stack of `impasto up`.",
        show_default=False,
    ),
]
Tenant = Annotated[str, typer.Option(help="Whose corpus it is.", callback=_check_tenant)]


@app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="Name of the corpus, such as coco.")],
    photos: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Folder of photos, or job:ID of an album.")
    ],
    tenant: Tenant = DEFAULT_TENANT,
    url: Url = None,
) -> None:
    """Prepare photos as a corpus. Run again, it goes on behind the last finished shard.

    Example: impasto corpus add coco ~/coco/train2017
    """
    if not CORPUS_NAME.fullmatch(name):
        fail(f"{name!r} cannot be a corpus's name: use a-z, 0-9 and hyphens.")
    try:
        objects = connect_s3(attach(load_settings(), url))
        index = _prepare(objects, tenant, name, _sources(objects, tenant, photos))
    except (ImpastoError, OSError) as error:
        fail(str(error))
    owner = "" if tenant == DEFAULT_TENANT else f" of {tenant}"
    console.print(f"Corpus {name}{owner}: {_summary(index)}.")


@app.command("list")
def list_command(tenant: Tenant = DEFAULT_TENANT, url: Url = None) -> None:
    """List the corpora that are whole, and the one that comes with Impasto."""
    try:
        objects = connect_s3(attach(load_settings(), url))
        table = Table("corpus", "photos", "shards", "MB", box=None)
        for index in _whole(objects, tenant):
            size = sum(file.bytes for file in index.files) / 1e6
            table.add_row(index.name, str(index.photos), str(index.shards), f"{size:.0f}")
        table.add_row(f"{STARTER} (comes with Impasto)", str(PHOTOS), "", "")
    except (ImpastoError, OSError) as error:
        fail(str(error))
    Console().print(table)


def _sources(objects: S3Store, tenant: str, photos: str) -> Sources:
    if photos.startswith(ALBUM):
        return AlbumSources(objects, tenant, photos.removeprefix(ALBUM))
    try:
        folder = at_home(Path(photos))
    except ValueError as error:
        raise CorpusRejected(f"{photos}: there is no such home folder.") from error
    return FolderSources(folder)


def _prepare(objects: S3Store, tenant: str, name: str, sources: Sources) -> CorpusIndex:
    preparation = Preparation(objects=objects, tenant=tenant, name=name)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[skipped]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"preparing {name}", total=len(sources), skipped="")

        named = 0

        def show(done: int, total: int, skipped: Sequence[SkippedPhoto]) -> None:
            nonlocal named
            for photo in skipped[named:NAMED]:
                bar.console.print(f"left out: {photo.name}: {photo.reason}", markup=False)
            named = len(skipped)
            note = f"{named} left out" if named else ""
            bar.update(task, completed=done, total=total, skipped=note)

        index = preparation.run(sources, show)
        if named > NAMED:
            bar.console.print(f"left out: {named - NAMED} more")
        return index


def _whole(objects: S3Store, tenant: str) -> list[CorpusIndex]:
    prefix = layout.corpora_prefix(tenant)
    found: list[CorpusIndex] = []
    for name in sorted(objects.folders(prefix)):
        try:
            found.append(read_corpus_index(objects, tenant, name))
        except CorpusMissing:
            continue  # of a format that this version does not read
    return found


def _summary(index: CorpusIndex) -> str:
    text = f"{index.photos} photos in {index.shards} shards"
    return f"{text}, {index.skipped} could not be used" if index.skipped else text
