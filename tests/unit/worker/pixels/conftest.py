"""Decoders in processes of their own, as several tests share them."""

from collections.abc import Iterator

import pytest

from worker.pixels import PhotoRejected, PixelLimits
from worker.pixels.decoder import PhotoDecoder

LIMITS = PixelLimits(max_megapixels=5)
FILE_BYTES = 1_000_000


@pytest.fixture(scope="module")
def decoder() -> Iterator[PhotoDecoder]:
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES) as decoder:
        yield decoder


@pytest.fixture(scope="module")
def mortal() -> Iterator[PhotoDecoder]:
    """A decoder that can be told to die."""
    program = "tests.fakes.mortal_decoder"
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, program=program) as decoder:
        yield decoder


def reason(decoder: PhotoDecoder, data: bytes) -> str:
    with pytest.raises(PhotoRejected) as rejected:
        decoder.decode(data)
    return rejected.value.type
