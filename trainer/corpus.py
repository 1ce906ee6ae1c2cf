"""Content images: a folder of photos, cropped and flipped the same way for the same seed."""

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from infra.errors import ImpastoError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
#: Bytes of decoded photos that a corpus keeps at most.
KEPT_BYTES = 1 << 30


class CorpusRejected(ImpastoError):
    """The folder cannot serve as content images."""

    type = "corpus-rejected"
    title = "The folder of photos cannot be used for training."


class PhotoFolder:
    """Photos below a folder in a fixed order, each brought to a short side of `side` pixels."""

    def __init__(self, folder: Path, *, side: int) -> None:
        self.paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not self.paths:
            raise CorpusRejected(f"{folder} holds no photo ({', '.join(sorted(SUFFIXES))}).")
        self._side = side
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self.paths)

    def photo(self, index: int) -> NDArray[np.uint8]:
        """Return a photo, (H, W, 3) uint8 sRGB, its short side exactly `side`."""
        if index not in self._kept:
            self._keep(index, read_picture(self.paths[index], self._side))
        return self._kept[index]

    def _keep(self, index: int, photo: NDArray[np.uint8]) -> None:
        self._kept[index] = photo
        self._kept_bytes += photo.nbytes
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes


def read_picture(path: Path, side: int) -> NDArray[np.uint8]:
    """Decode a picture and bring its short side to `side` pixels: (H, W, 3) uint8 sRGB.

    Raises CorpusRejected naming the file when it cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError) as error:
        raise CorpusRejected(f"{path} cannot be read as a picture: {error}.") from error
    scale = side / min(picture.size)
    size = tuple(max(side, round(length * scale)) for length in picture.size)
    return np.asarray(picture.resize((size[0], size[1]), Image.Resampling.LANCZOS))


class CropSampler:
    """Endless batches of random crops: every photo once an epoch, in a seeded order.

    What stands at a position depends on the seed and the position alone, so training resumes at
    the exact image without a random state to save.
    """

    def __init__(self, photos: PhotoFolder, *, indices: list[int], crop: int, seed: int) -> None:
        self._photos = photos
        self._indices = indices
        self._crop = crop
        self._seed = seed

    def batches(self, start: int, batch: int) -> Iterator[Tensor]:
        """Yield (B, 3, crop, crop) float 0..1 from image position `start`, decoding ahead."""
        with ThreadPoolExecutor(1, thread_name_prefix="corpus") as pool:
            position = start
            ahead = pool.submit(self._batch, position, batch)
            while True:
                ready = ahead.result()
                position += batch
                ahead = pool.submit(self._batch, position, batch)
                yield ready

    def _batch(self, start: int, batch: int) -> Tensor:
        crops = [self._crop_at(position) for position in range(start, start + batch)]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().div_(255)

    def _crop_at(self, position: int) -> NDArray[np.uint8]:
        epoch, place = divmod(position, len(self._indices))
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._indices))
        photo = self._photos.photo(self._indices[order[place]])
        random = np.random.default_rng([self._seed, 1, position])
        top = random.integers(photo.shape[0] - self._crop + 1)
        left = random.integers(photo.shape[1] - self._crop + 1)
        crop = photo[top : top + self._crop, left : left + self._crop]
        return crop[:, ::-1] if random.random() < 0.5 else crop


def split_held_out(count: int, held_out: int) -> tuple[list[int], list[int]]:
    """Split photo indices into (training, held-out), the held-out ones spread evenly.

    A small corpus keeps at least three quarters of its photos for training.
    """
    wanted = min(held_out, count // 4)
    chosen = {(i * count) // wanted for i in range(wanted)} if wanted else set[int]()
    return [i for i in range(count) if i not in chosen], sorted(chosen)
