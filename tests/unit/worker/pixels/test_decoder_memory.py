"""How much memory the photos that are decoded at a time take together."""

import threading
from collections.abc import Callable

import pytest

from tests.fakes.mortal_decoder import KILL_DECODING
from tests.photos import encoded, huge_png, scene
from tests.unit.worker.pixels.conftest import reason
from worker.pixels import PixelLimits
from worker.pixels.bounds import BYTES_PER_PIXEL, KEPT_BYTES_PER_PIXEL
from worker.pixels.decoder import PhotoDecoder
from worker.pixels.memory_budget import MemoryBudget, Reservation

LIMITS = PixelLimits(max_megapixels=5)
FILE_BYTES = 1_000_000
#: Seconds after which a test that waits for another process gives up.
PATIENCE = 60
#: Seconds in which nothing may happen.
MOMENT = 0.3


def test_photos_that_are_too_large_together_are_decoded_one_after_the_other() -> None:
    """Each process may take as much as the largest photo; all of them together no more."""
    photo = encoded(scene(), "JPEG")
    taken = Recorded(1)
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, budget=taken) as decoder:
        threads = [threading.Thread(target=decoder.decode, args=(photo,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert reason(decoder, huge_png()) == "photo-too-large"  # which needs no memory
    width, height = scene().size
    assert taken.seen == [width * height * BYTES_PER_PIXEL] * 3
    assert taken.most == width * height * BYTES_PER_PIXEL
    assert taken.used == 0


def test_an_admitted_photo_keeps_a_reservation_until_it_is_released() -> None:
    """The photo, its painting and the result lie in memory until it is stored."""
    photo, budget = encoded(scene(), "JPEG"), Recorded(1)
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, budget=budget) as decoder:
        admitted, reservation = decoder.admit(photo)
        assert budget.used == admitted.width * admitted.height * KEPT_BYTES_PER_PIXEL
        other = threading.Thread(target=decoder.decode, args=(photo,))
        other.start()
        other.join(MOMENT)
        assert other.is_alive()
        reservation.release()
        reservation.release()
        other.join(PATIENCE)
        assert budget.used == 0


def test_waiting_for_memory_ends_when_nobody_wants_the_photo_any_more() -> None:
    photo = encoded(scene(), "JPEG")

    class NotWanted(Exception):
        pass

    def check() -> None:
        raise NotWanted

    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, budget=MemoryBudget(1)) as decoder:
        _, reservation = decoder.admit(photo)
        with pytest.raises(NotWanted):
            decoder.admit(photo, check)
        reservation.release()
        assert decoder.decode(photo).format == "JPEG"


def test_memory_of_a_photo_that_ends_its_process_is_free_again(mortal: PhotoDecoder) -> None:
    for _ in range(2):
        assert reason(mortal, KILL_DECODING) == "photo-crashes-decoder"
    assert mortal.decode(encoded(scene(), "PNG")).format == "PNG"


class Recorded(MemoryBudget):
    """A memory budget that records the requests, and the most that was reserved at a time."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.seen: list[int] = []
        self.used, self.most = 0, 0

    def reserve(self, needed: int, check: Callable[[], None] = lambda: None) -> Reservation:
        reservation = super().reserve(needed, check)
        self.seen.append(needed)
        self.used += needed
        self.most = max(self.most, self.used)
        return reservation

    def release(self, size: int) -> None:
        self.used -= size
        super().release(size)
