"""The command line: `impasto`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli_album import Painted, follow, send, succeeded
from api.cli_mounts import MountedGroup
from api.cli_photos import check_out, collect_photos
from api.cli_service import FAILED, INTERRUPTED, UsageError, connect, fail, read_settings
from api.cli_tables import show_jobs, show_results, show_styles
from api.client import Client
from api.schemas import Job
from infra.stack import StackFailed, StackRefused, run_foreground

app = typer.Typer(
    name="impasto",
    cls=MountedGroup,
    help="Photo albums, painted in a style.",
    epilog="Begin with `impasto up`; then, in another terminal, with `impasto styles`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Address of the service. Default: IMPASTO_URL, else the stack of `impasto up`.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, from `impasto jobs`.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Fetch the results into this folder.", show_default=False),
]


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the API; 0 picks a free one.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder that keeps everything. Default: .impasto")
    ] = None,
) -> None:
    """Start everything on this machine, until Ctrl-C.

    Redis, S3, the API and a worker run over one data folder; the next start continues where this
    one stopped.
    """
    asked = {"port": port, "data": data}
    changes = {name: value for name, value in asked.items() if value is not None}
    try:
        run_foreground(read_settings().model_copy(update=changes))
    except (StackRefused, StackFailed) as error:
        fail(error.detail)
    except UsageError as error:
        fail(str(error))


@app.command()
def stylize(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTOS", help="Photos, or folders of photos.")
    ],
    style: Annotated[str, typer.Option(help="Name of the style, from `impasto styles`.")],
    out: Annotated[Path, typer.Option(help="Folder for the paintings.")] = Path("paintings"),
    strength: Annotated[float, typer.Option(min=0, max=1, help="How strong the style is.")] = 1.0,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Paint photos in a style.

    \b
    impasto stylize beach.jpg forest.png --style water-lilies
    impasto stylize holiday/ --style water-lilies --strength 0.6 --out holiday-painted

    Every photo comes back in its own size, format and name. The exit code is 0 when all of them
    are painted, 1 when some failed (the others are there), 2 when nothing could be done.
    """
    with connect(url) as client:
        album = collect_photos(photos)
        check_out(out, album)
        job = send(client, album, style=style, strength=strength, quiet=as_json)
        _see_through(client, job.id, out, sources=album, as_json=as_json)


@app.command()
def watch(job: JobId, out: Out = None, as_json: AsJson = False, url: Url = None) -> None:
    """Watch a job to its end; with --out, fetch its results too.

    The exit code is 0 when every photo is painted, 1 when some or all are not, 2 when the job
    cannot be watched.
    """
    with connect(url) as client:
        _see_through(client, client.job(job).id, out, sources=None, as_json=as_json)


@app.command()
def styles(as_json: AsJson = False, url: Url = None) -> None:
    """List the styles."""
    with connect(url) as client:
        found = client.styles()
        if as_json:
            _print_json([style.model_dump(mode="json") for style in found])
        elif found:
            show_styles(found)
        else:
            typer.echo("No style is published yet.")


@app.command()
def jobs(
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List the newest jobs."""
    with connect(url) as client:
        found = client.jobs(limit)
        if as_json:
            _print_json([job.model_dump(mode="json") for job in found])
        elif found:
            show_jobs(found)
        else:
            typer.echo("There are no jobs yet.")


@app.command()
def cancel(job: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Stop a job; results that are there stay."""
    with connect(url) as client:
        stopped = client.cancel(job)
        if as_json:
            _print_json(stopped.model_dump(mode="json"))
        else:
            show_jobs([stopped])


def main() -> None:
    """Run the command line."""
    app()


def _see_through(
    client: Client, job_id: str, out: Path | None, *, sources: Sequence[Path] | None, as_json: bool
) -> None:
    """Watch a job to its end, answer, and exit by how it went."""
    try:
        job, harvest = follow(client, job_id, out, quiet=as_json)
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\nThe job goes on: impasto watch {job_id} --out DIR; impasto cancel {job_id}\n"
        )
        raise SystemExit(INTERRUPTED) from None
    _answer(job, harvest.photos(sources), as_json=as_json)
    if not succeeded(job):
        raise SystemExit(FAILED)


def _answer(job: Job, photos: Sequence[Painted], *, as_json: bool) -> None:
    if as_json:
        documents = [photo.document() for photo in photos]
        _print_json({"job": job.model_dump(mode="json"), "photos": documents})
        return
    show_results(photos)
    if job.error is not None:
        sys.stderr.write(f"The job failed ({job.error.type}): {job.error.detail}\n")
    elif not succeeded(job):
        sys.stderr.write(
            f"The job {job.id} has ended ({job.state}): {job.counts.done} of {job.counts.total} "
            f"photos are painted, {job.counts.failed} failed.\n"
        )


def _print_json(document: Any) -> None:  # noqa: ANN401  (anything that JSON can say)
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
