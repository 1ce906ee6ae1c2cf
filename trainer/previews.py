"""Previews: some photos in each stage, small enough to look through at once."""

import io
from collections.abc import Sequence
from typing import Final

import torch
from PIL import Image
from torch import Tensor

from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore
from trainer.corpus import resized
from trainer.studio import to_tensor
from worker.net import TransformNet
from worker.pixels import PhotoRejected, PixelLimits, decode

#: Previews of a style whose maker named no photos.
PREVIEWS: Final = 6
#: Short side of a preview, pixels.
PREVIEW_SIDE: Final = 384
QUALITY: Final = 88


@torch.no_grad()
def draw_previews(net: TransformNet, photos: Sequence[Tensor]) -> list[bytes]:
    """Return each photo, (1, 3, H, W) 0..1, as a net paints it: JPEG files."""
    net.eval()
    return [jpeg(net(photo)) for photo in photos]


def jpeg(picture: Tensor) -> bytes:
    """Return a picture, (1, 3, H, W) 0..1, as a JPEG file."""
    pixels = (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def fetch_previews(
    objects: ObjectStore, keys: Sequence[str], limits: PixelLimits
) -> tuple[list[Tensor], list[str]]:
    """Return the photos that a person named for previews, and a note on each that is unusable."""
    photos: list[Tensor] = []
    notes: list[str] = []
    for key in keys:
        try:
            rgb = decode(objects.get(key), limits).rgb
        except (ObjectMissing, ObjectRefused, PhotoRejected) as error:
            notes.append(f"The preview photo {key.rpartition('/')[2]} was left out: {error}")
            continue
        photos.append(to_tensor(resized(Image.fromarray(rgb), PREVIEW_SIDE)))
    return photos, notes
