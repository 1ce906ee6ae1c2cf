"""Where a loss network's weights come from: a folder or a place in the bucket, else torchvision.

Torchvision has a cache of its own and downloads what is not in it. Whatever is found is checked
where a SHA-256 is known: from the hash in torchvision's file names, or from `FILE.sha256` beside
a file.
"""

import hashlib
import re
from pathlib import Path
from typing import Final
from urllib.error import URLError

import safetensors.torch
import torch
from torch import Tensor

from infra.errors import ImpastoError
from infra.storage.port import ObjectMissing, ObjectStore
from trainer.vision import models

#: What a setting begins with that names a place in the bucket: `s3:weights`.
BUCKET: Final = "s3:"
#: How torchvision names its files: the first eight digits of the file's SHA-256.
_HASHED: Final = re.compile(r".*-([0-9a-f]{8})\.pth")
_SUFFIXES: Final = (".safetensors", ".pth")


class WeightsMissing(ImpastoError):
    """The weights are neither in the configured place nor downloadable."""

    type = "loss-weights-missing"
    title = "The weights of the loss network are not there."


class WeightsRejected(ImpastoError):
    """A file was found, but it is no state dict of the network."""

    type = "loss-weights-rejected"
    title = "The weights of the loss network cannot be used."


class WeightsSource:
    """Finds state dicts of torchvision models by the models' names.

    In `folder` a file `NAME.safetensors`, `NAME.pth` or torchvision's own `NAME-<hash>.pth`
    serves; without one, torchvision's cache and download do.
    """

    def __init__(self, *, folder: Path | None) -> None:
        self._folder = folder

    def state_dict(self, name: str) -> dict[str, Tensor]:
        """Return the network's weights in float32; raises WeightsMissing or WeightsRejected."""
        found = self._find(name)
        weights = _read(found) if found else self._download(name)
        return {key: value.float() for key, value in weights.items()}

    def _find(self, name: str) -> Path | None:
        if self._folder is None:
            return None
        candidates = [self._folder / f"{name}{suffix}" for suffix in _SUFFIXES]
        candidates += sorted(self._folder.glob(f"{name}-*.pth"))
        return next((path for path in candidates if path.is_file()), None)

    def _download(self, name: str) -> dict[str, Tensor]:
        weights = models.get_model_weights(name)["IMAGENET1K_V1"]
        try:
            return dict(weights.get_state_dict(progress=True, check_hash=True))
        except (URLError, OSError, RuntimeError) as error:
            where = self._folder or "a folder of your choice"
            raise WeightsMissing(
                f"{Path(weights.url).name} could not be downloaded ({error}). Put it, or "
                f"{name}.safetensors, into {where} and set IMPASTO_LOSS_WEIGHTS to that folder."
            ) from error


def weights_source(setting: Path | None, objects: ObjectStore, cache: Path) -> WeightsSource:
    """Return the source that IMPASTO_LOSS_WEIGHTS names: a folder, or `s3:PREFIX` of the bucket.

    What lies in the bucket is copied into the folder `cache` once.
    """
    if setting is None or not str(setting).startswith(BUCKET):
        return WeightsSource(folder=setting)
    prefix = str(setting).removeprefix(BUCKET).strip("/")
    return BucketWeights(objects=objects, prefix=f"{prefix}/" if prefix else "", cache=cache)


class BucketWeights(WeightsSource):
    """Weights that lie in the bucket, below a prefix, under the names that a folder has."""

    def __init__(self, *, objects: ObjectStore, prefix: str, cache: Path) -> None:
        super().__init__(folder=cache)
        self._objects = objects
        self._prefix = prefix
        self._cache = cache

    def state_dict(self, name: str) -> dict[str, Tensor]:
        """See WeightsSource; also raises ServiceUnavailable."""
        key = next((key for key in self._keys(name) if self._exists(key)), None)
        if key is not None:
            self._copy(key)
            self._copy(f"{key}.sha256")
        return super().state_dict(name)

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

    def _copy(self, key: str) -> None:
        """Copy an object into the cache, unless one of its size is there; none is no error."""
        path = self._cache / key.rpartition("/")[2]
        try:
            if path.exists() and path.stat().st_size == self._objects.head(key).size:
                return
            body = self._objects.get(key)
        except ObjectMissing:
            return
        self._cache.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.part")
        draft.write_bytes(body)
        draft.replace(path)


def _read(path: Path) -> dict[str, Tensor]:
    _check_hash(path)
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        # Both readers raise many kinds of errors for damaged files; none is worth telling apart.
        raise WeightsRejected(f"{path} is not a readable state dict: {error}") from error


def _check_hash(path: Path) -> None:
    """Hold a file to the hash in its name or beside it; raises WeightsRejected."""
    beside = path.with_name(f"{path.name}.sha256")
    named = _HASHED.fullmatch(path.name)
    if beside.exists():
        words = beside.read_text().split()
        expected = words[0].lower() if words else "nothing"
    elif named:
        expected = named[1]
    else:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not expected or not found.startswith(expected):
        raise WeightsRejected(
            f"{path} is damaged: its SHA-256 is {found}, and should begin with {expected}. "
            "Fetch it again."
        )
