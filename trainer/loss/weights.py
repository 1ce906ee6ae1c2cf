"""Where a loss network's weights come from: a folder or a place in the bucket, else torchvision.

Torchvision has a cache of its own; what is not in it is downloaded, where that is allowed.
Whatever is found is checked where a SHA-256 is known: from the hash in torchvision's file names,
or from `FILE.sha256` beside a file. Torchvision's own way of loading does neither check what is
in its cache nor refuse pickles with code in them, so its files are read here like all others.
"""

import hashlib
import pickle
import re
import socket
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import safetensors.torch
import torch
import torch.hub
from torch import Tensor

from infra.catalogue.card import LossWeights
from infra.errors import ImpastoError
from infra.storage.port import ObjectInfo, ObjectMissing, ObjectStore

#: What a setting begins with that names a place in the bucket: `s3:weights`.
BUCKET: Final = "s3:"
#: Seconds after which a download that brings nothing is given up.
SILENCE_SECONDS: Final = 30.0
#: How torchvision names its files: the first eight digits of the file's SHA-256.
_HASHED: Final = re.compile(r".*-([0-9a-f]{8})\.pth")
_SUFFIXES: Final = (".safetensors", ".pth")
#: Which of torchvision's weights: those that style transfer has always used.
_RELEASE: Final = "IMAGENET1K_V1"
#: What cards say of files that torchvision downloads, and of those that a user has put somewhere.
_TORCHVISIONS: Final = f"torchvision's own training ({_RELEASE})"
_CHOSEN: Final = "the place that IMPASTO_LOSS_WEIGHTS names"


class WeightsMissing(ImpastoError):
    """The weights are neither in the configured place nor downloadable."""

    type = "loss-weights-missing"
    title = "The weights of the loss network are not there."


class WeightsRejected(ImpastoError):
    """A file was found, but it is no state dict of the network."""

    type = "loss-weights-rejected"
    title = "The weights of the loss network cannot be used."


class FoundWeights(NamedTuple):
    """Weights as they are stored, by their names, and what a card says of them."""

    state: dict[str, Tensor]
    facts: LossWeights


class WeightsSource:
    """Finds state dicts of torchvision models by the models' names.

    In `folder` a file `NAME.safetensors`, `NAME.pth` or torchvision's own `NAME-<hash>.pth`
    serves; without one, torchvision's cache does, and its download where `download` is set.
    """

    def __init__(self, *, folder: Path | None, download: bool = True) -> None:
        self._folder = folder
        self._may_download = download

    def read(self, name: str) -> FoundWeights:
        """Return the network's weights; raises WeightsMissing and WeightsRejected."""
        if (path := self._find(name)) is not None:
            return _read(path, _CHOSEN)
        return _read(self._torchvisions(name), _TORCHVISIONS)

    def _find(self, name: str) -> Path | None:
        if self._folder is None:
            return None
        candidates = [self._folder / f"{name}{suffix}" for suffix in _SUFFIXES]
        candidates += sorted(self._folder.glob(f"{name}-*.pth"))
        return next((path for path in candidates if path.is_file()), None)

    def _torchvisions(self, name: str) -> Path:
        """Return the file in torchvision's cache, downloaded where it is not there yet."""
        from trainer.loss.torchvision_import import models  # as in network.py

        url = str(models.get_model_weights(name)[_RELEASE].url)
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
        if path.is_file():
            return path
        if not self._may_download:
            reason = "may not be downloaded (IMPASTO_LOSS_WEIGHTS_DOWNLOAD is off)"
            raise WeightsMissing(self._advice(name, path, reason))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _silence_ends():
                torch.hub.download_url_to_file(url, str(path), hash_prefix=_named_hash(path))
        except (OSError, RuntimeError) as error:
            reason = f"could not be downloaded ({error})"
            raise WeightsMissing(self._advice(name, path, reason)) from error
        return path

    def _advice(self, name: str, path: Path, reason: str) -> str:
        return (
            f"{path.name} is not in {path.parent}, and {reason}. Put it, or {name}.safetensors, "
            f"{self._place()}."
        )

    def _place(self) -> str:
        """Say where a file would be found."""
        if self._folder is None:
            return "into a folder of your choice and set IMPASTO_LOSS_WEIGHTS to that folder"
        return f"into {self._folder}, the folder that IMPASTO_LOSS_WEIGHTS names"


@contextmanager
def _silence_ends() -> Generator[None]:
    """End connections that are made meanwhile once they are silent for SILENCE_SECONDS.

    PyTorch's download waits for ever, and so would the training and all that come after it.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def in_bucket(setting: Path | None) -> bool:
    """Whether weights are to be found below a prefix of the bucket: `s3:PREFIX`."""
    return str(setting).startswith(BUCKET)


def weights_source(
    setting: Path | None, objects: ObjectStore, cache: Path, *, download: bool = True
) -> WeightsSource:
    """Return the source that IMPASTO_LOSS_WEIGHTS names: a folder, or `s3:PREFIX` of the bucket.

    What lies in the bucket is copied into the folder `cache`, and again where it has changed.
    `download` is as in WeightsSource.
    """
    if not in_bucket(setting):
        return WeightsSource(folder=setting, download=download)
    prefix = str(setting).removeprefix(BUCKET).strip("/")
    return BucketWeights(
        objects=objects, prefix=f"{prefix}/" if prefix else "", cache=cache, download=download
    )


class BucketWeights(WeightsSource):
    """Weights that lie in the bucket, below a prefix, under the names that a folder has.

    Copies lie in `cache`, in a folder of each prefix.
    """

    def __init__(
        self, *, objects: ObjectStore, prefix: str, cache: Path, download: bool = True
    ) -> None:
        place = cache / hashlib.sha256(prefix.encode()).hexdigest()[:16]
        super().__init__(folder=place, download=download)
        self._objects = objects
        self._prefix = prefix
        self._cache = place

    def read(self, name: str) -> FoundWeights:
        """See WeightsSource; also raises ServiceUnavailable."""
        key = next((key for key in self._keys(name) if self._exists(key)), None)
        if key is None:
            return _read(self._torchvisions(name), _TORCHVISIONS)
        path = self._copied(key)
        try:
            return _read(path, _CHOSEN)
        except WeightsRejected:
            # Damaged: what lies in the bucket by now may be whole, and as long.
            path.unlink(missing_ok=True)
            return _read(self._copied(key), _CHOSEN)

    def _place(self) -> str:
        """See WeightsSource."""
        return f"into the bucket under {self._prefix!r}, which IMPASTO_LOSS_WEIGHTS names"

    def _keys(self, name: str) -> list[str]:
        hashed = (info.key for info in self._objects.list(f"{self._prefix}{name}-"))
        plain = [f"{self._prefix}{name}{suffix}" for suffix in _SUFFIXES]
        return [*plain, *(key for key in hashed if key.endswith(".pth"))]

    def _exists(self, key: str) -> bool:
        try:
            self._objects.head(key)
        except ObjectMissing:
            return False
        return True

    def _copied(self, key: str) -> Path:
        """Return the copy of an object, made where there is none of what it holds by now."""
        path = self._cache / key.rpartition("/")[2]
        self._cache.mkdir(parents=True, exist_ok=True)
        beside = _beside(path, "sha256")
        try:
            _write(beside, self._objects.get(f"{key}.sha256"))
        except ObjectMissing:
            beside.unlink(missing_ok=True)
        info = self._objects.head(key)
        if not _is_copy(path, info):
            etag = _beside(path, "etag")
            etag.unlink(missing_ok=True)  # whoever is killed here must not leave it to another body
            _write(path, self._objects.get(key))
            _write(etag, info.etag.encode())
        return path


def _is_copy(path: Path, info: ObjectInfo) -> bool:
    """Whether a file, and the ETag beside it, are of what an object holds now."""
    etag = _beside(path, "etag")
    if not (path.exists() and etag.exists()):
        return False
    return (path.stat().st_size, etag.read_text()) == (info.size, info.etag)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _write(path: Path, body: bytes) -> None:
    draft = _beside(path, "part")
    draft.write_bytes(body)
    draft.replace(path)


def _read(path: Path, origin: str) -> FoundWeights:
    sha256 = _checked_hash(path)
    facts = LossWeights(origin=origin, file=path.name, sha256=sha256)
    return FoundWeights(_state(path), facts)


def _state(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        # Mapped where it can be: of a VGG's 500 MB, most are a classifier that nobody reads.
        # Torchvision's own VGG files are older than the ZIP format that a mapping needs.
        mapped = zipfile.is_zipfile(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True, mmap=mapped))
    except pickle.UnpicklingError as error:
        # PyTorch's own words advise to read it all the same.
        raise WeightsRejected(
            f"{path} is not a readable state dict: it is damaged, or holds more than tensors."
        ) from error
    except Exception as error:
        # Both readers raise many kinds of errors for damaged files; none is worth telling apart.
        raise WeightsRejected(f"{path} is not a readable state dict: {error}") from error


def _checked_hash(path: Path) -> str:
    """Return a file's SHA-256 (hex); raises WeightsRejected where its name, or a file, differ."""
    beside = _beside(path, "sha256")
    if beside.exists():
        words = beside.read_text(errors="replace").split()
        expected = words[0].lower() if words else "nothing"
    else:
        expected = _named_hash(path)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is None:
        return found
    if not expected or not found.startswith(expected):
        raise WeightsRejected(
            f"{path} is damaged: its SHA-256 is {found}, and should begin with {expected}. "
            "Fetch it again."
        )
    return found


def _named_hash(path: Path) -> str | None:
    """Return the beginning of the SHA-256 that a file's name tells; None where it tells none."""
    named = _HASHED.fullmatch(path.name)
    return named[1] if named else None
