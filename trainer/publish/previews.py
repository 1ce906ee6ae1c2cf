"""Previews: some photos in each stage, small enough to look through at once."""

import io
from collections.abc import Mapping, Sequence
from typing import Final

from PIL import Image
from torch import Tensor

from infra.storage.port import ObjectStore
from trainer.data.corpus import resized
from trainer.data.painting import Decode
from trainer.data.proportions import check_proportions
from trainer.training.context import to_tensor
from worker.fetch.photo import fetch_photo
from worker.net import TransformNet
from worker.net.grain import paint
from worker.pixels import PhotoRejected

#: Previews of a style whose maker named no photos.
PREVIEWS: Final = 6
#: Short side of a preview, pixels.
PREVIEW_SIDE: Final = 384
QUALITY: Final = 88


def draw_previews(net: TransformNet, photos: Mapping[int, Tensor]) -> dict[int, bytes]:
    """Return each photo, (1, 3, H, W) 0..1, as a net paints it: JPEG files by the same numbers.

    The photos may be on another device than the net.
    """
    device = next(net.parameters()).device
    return {number: jpeg(paint(net, photo.to(device))) for number, photo in photos.items()}


def jpeg(picture: Tensor) -> bytes:
    """Return a picture, (1, 3, H, W) 0..1, as a JPEG file."""
    pixels = (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def fetch_previews(
    objects: ObjectStore, keys: Sequence[str], *, decode: Decode, max_bytes: int
) -> tuple[dict[int, Tensor], list[str]]:
    """Return the photos that a person named for previews, and a note on each that is unusable.

    Files of more than `max_bytes` are. A photo's number is its place among the keys, whichever of
    them can be used: it is the same in every stage.
    """
    photos: dict[int, Tensor] = {}
    notes: list[str] = []
    for number, key in enumerate(keys):
        try:
            photo = decode(fetch_photo(objects, key, max_bytes))
            check_proportions(photo)
        except PhotoRejected as error:
            notes.append(f"The preview photo {key.rpartition('/')[2]} was left out: {error}")
            continue
        photos[number] = to_tensor(resized(Image.fromarray(photo.rgb), PREVIEW_SIDE))
    return photos, notes
