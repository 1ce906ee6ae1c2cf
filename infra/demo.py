"""The demo: a whole Impasto for one album, used as anybody would use it, by its command line."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from infra import parent_death
from infra.errors import ImpastoError
from infra.settings import Settings, load_settings
from infra.stack import EmbeddedStack, StackFailed
from infra.stack.folder import DataFolder
from infra.stack.supervision import guarded

#: Photos that scikit-image's wheel brings: a face, fur, a table, night, machinery.
SAMPLES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")

#: Exit code of `impasto stylize` when the album is done and some photos failed.
SOME_FAILED = 1

#: The command line, beside the Python that runs this.
IMPASTO = str(Path(sys.executable).with_name("impasto"))


class Run(Protocol):
    """Runs a program to its end and answers its exit code."""

    def __call__(self, command: Sequence[str], *, environment: Mapping[str, str]) -> int:
        """`environment` is added to ours."""
        ...


def show(*, photos: Path | None, out: Path, style: str, data: Path | None, run: Run) -> int:
    """Paint the folder `photos` (None: samples) into `out`; the exit code for the shell.

    0 when every photo is done, or, for a folder of the user's, has come back with its reason.
    The stack keeps its data in `data`; None throws it away.
    """
    started = time.monotonic()
    if photos is not None and not photos.is_dir():
        print(f"{photos} is not a folder; --photos wants a folder of photos.", file=sys.stderr)
        return 2
    album = samples() if photos is None else [photos]
    try:
        with _folder(data) as folder:
            code = _through_stack(folder, lambda stack: _stylize(album, out, style, stack, run))
    except ImpastoError as error:
        print(error.detail, file=sys.stderr)
        return 2
    if code == SOME_FAILED and photos is not None:
        print("Some photos failed, for the reasons above; all others are done.")
        code = 0
    if code == 0:
        print(f"The paintings are in {out} ({time.monotonic() - started:.0f} s in all).")
    return code


def samples() -> list[Path]:
    """Photos that are on this machine already, inside scikit-image's wheel."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent / "data"
    return [path for name in SAMPLES if (path := folder / name).exists()]


@contextmanager
def _folder(data: Path | None) -> Generator[Path]:
    """`data`, or a folder that is thrown away; but not when the stack failed: it has the logs."""
    folder = data or Path(tempfile.mkdtemp(prefix="impasto-demo-"))
    keep = data is not None
    try:
        yield folder
    except StackFailed:
        keep = True
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _own_settings(data: Path) -> Settings:
    """The user's, but nothing is shared with any other stack, and nobody else may come in."""
    alone: dict[str, object] = {"host": "127.0.0.1", "port": 0, "api_keys": {}}
    files = ("redis_ca_certs", "redis_certfile", "redis_keyfile")
    servers = dict.fromkeys(("redis_url", *files, "s3_endpoint"))
    return load_settings().model_copy(update={"data": data, **alone, **servers})


def _through_stack(data: Path, use: Callable[[EmbeddedStack], int]) -> int:
    print("Starting Redis, S3, the API and a worker ...", flush=True)
    with EmbeddedStack(_own_settings(data)) as stack:
        stack.wait_ready()
        print(f"Impasto answers at {stack.url}.", flush=True)
        return use(stack)


def _stylize(album: Sequence[Path], out: Path, style: str, stack: EmbeddedStack, run: Run) -> int:
    command = (IMPASTO, "stylize", *map(str, album), "--style", style, "--out", str(out))
    # Guarded as the stack's programs are: it must not outlive us either.
    lock = DataFolder(stack.state.data).programs_lock
    environment = {"IMPASTO_URL": stack.url, parent_death.PARENT: str(os.getpid())}
    return run(guarded(command, lock), environment=environment)
