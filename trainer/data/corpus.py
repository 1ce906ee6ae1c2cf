"""Content images: a corpus of photos, cropped and flipped the same way for the same seed."""

import hashlib
import os
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from infra.clutter import is_clutter
from infra.errors import ImpastoError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
#: Bytes of decoded photos that a corpus keeps at most.
KEPT_BYTES = 1 << 30
#: Threads that decode photos for the steps to come, and batches that they are ahead at most.
DECODERS = 2
BATCHES_AHEAD = 4


class CorpusRejected(ImpastoError):
    """The photos cannot serve as content images."""

    type = "corpus-rejected"
    title = "The photos cannot be used for training."


class CorpusChanged(ImpastoError):
    """The corpus is another than the one that the training began with."""

    type = "corpus-changed"
    title = "The corpus was changed while a style trained on it."


class Photos(Protocol):
    """A corpus: photos in a fixed order, all of one short side. Threads may share it."""

    def __len__(self) -> int:
        """Return how many photos there are."""
        ...

    def photo(self, index: int) -> NDArray[np.uint8]:
        """Return a photo, (H, W, 3) uint8 sRGB."""
        ...

    def sha256(self) -> str:
        """Return a hash (hex) over all photos, equal only for the same ones in this order."""
        ...


class KeptPhotos:
    """Decoded photos by index, the least recently decoded given up beyond `limit_bytes`."""

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, index: int, decode: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return a photo, decoding it where it is not kept."""
        with self._lock:
            if (found := self._kept.get(index)) is not None:
                return found
        photo = decode()
        with self._lock:
            if index not in self._kept:
                self._kept[index] = photo
                self._bytes += photo.nbytes
            while self._bytes > self._limit_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return photo


class PhotoFolder:
    """Photos below a folder in a fixed order, each brought to a short side of `side` pixels."""

    def __init__(self, folder: Path, *, side: int) -> None:
        self.paths = find_photos(folder)
        self._side = side
        self._kept = KeptPhotos()

    def __len__(self) -> int:
        return len(self.paths)

    def photo(self, index: int) -> NDArray[np.uint8]:
        """Return a photo, (H, W, 3) uint8 sRGB, its short side exactly `side`."""
        return self._kept.get(index, lambda: read_picture(self.paths[index], self._side))

    def sha256(self) -> str:
        """Return a SHA-256 (hex) over the photos' names and contents in order."""
        digest = hashlib.sha256()
        for path in self.paths:
            digest.update(os.fsencode(path.name))
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def find_photos(folder: Path) -> list[Path]:
    """Return the photos below a folder by their suffix, sorted; raises CorpusRejected for none.

    Thumbnails, what was deleted and what else is clutter are passed over.
    """
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.is_dir())
    paths = sorted(p for p in found if not is_clutter(p.relative_to(folder).as_posix()))
    if not paths:
        raise CorpusRejected(f"{folder} holds no photo ({', '.join(sorted(SUFFIXES))}).")
    return paths


def read_picture(path: Path, side: int) -> NDArray[np.uint8]:
    """Decode a picture, upright, and bring its short side to `side` pixels: (H, W, 3) uint8 sRGB.

    Raises CorpusRejected naming the file when it cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            picture = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CorpusRejected(f"{path} cannot be read as a picture: {error}.") from error
    return resized(picture, side)


def resized(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    """Bring a picture's short side to `side` pixels: (H, W, 3) uint8."""
    scale = side / min(picture.size)
    width, height = (max(side, round(length * scale)) for length in picture.size)
    return np.array(picture.resize((width, height), Image.Resampling.LANCZOS))


class CropSampler:
    """Endless batches of random crops: every photo once an epoch, in a seeded order.

    What stands at a position depends on the seed and the position alone, so training resumes at
    the exact image without a random state to save.
    """

    def __init__(self, photos: Photos, *, indices: list[int], crop: int, seed: int) -> None:
        self._photos = photos
        self._indices = indices
        self._crop = crop
        self._seed = seed
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def batches(self, start: int, batch: int) -> Generator[Tensor]:
        """Yield (B, 3, crop, crop) float 0..1 from image position `start`, decoding ahead."""
        with ThreadPoolExecutor(DECODERS, thread_name_prefix="corpus") as pool:
            ahead: deque[Future[Tensor]] = deque()
            position = start
            while True:
                while len(ahead) < BATCHES_AHEAD:
                    ahead.append(pool.submit(self._batch, position, batch))
                    position += batch
                yield ahead.popleft().result()

    def _batch(self, start: int, batch: int) -> Tensor:
        crops = [self._crop_at(position) for position in range(start, start + batch)]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().div_(255)

    def _crop_at(self, position: int) -> NDArray[np.uint8]:
        epoch, place = divmod(position, len(self._indices))
        photo = self._photos.photo(self._indices[self._order(epoch)[place]])
        random = np.random.default_rng([self._seed, 1, position])
        top = random.integers(photo.shape[0] - self._crop + 1)
        left = random.integers(photo.shape[1] - self._crop + 1)
        crop = photo[top : top + self._crop, left : left + self._crop]
        return crop[:, ::-1] if random.random() < 0.5 else crop

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        """Return the order of an epoch; of a large corpus it is not made anew for each photo."""
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._indices))


def split_held_out(count: int, held_out: int) -> tuple[list[int], list[int]]:
    """Split photo indices into (training, held-out), the held-out ones spread evenly.

    A small corpus keeps at least three quarters of its photos for training. One photo alone is
    never held out: whether a photo is lost shows beside another.
    """
    wanted = min(held_out, count // 4)
    if wanted == 1:
        wanted = 0
    chosen = {(i * count) // wanted for i in range(wanted)} if wanted else set[int]()
    return [i for i in range(count) if i not in chosen], sorted(chosen)
