"""What hostile files cost, and what it costs an album to decode photos in processes of their own.

    python3 infra/dev.py bench hostile [--scale small|full]

Every file of the hostile suite, one by one: with what it is turned away, how long that takes, and
the memory of the decoder. Then the album pipeline over a light net, decoding within the worker and
beside it by turns.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median

import psutil
import torch

from api.archives.archived_photos import read_archive
from infra.errors import ImpastoError
from infra.settings import Settings
from tests.bench.common.nets import light_net
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import table
from tests.fakes.album import AlbumHarness, decoded_by
from tests.fakes.storage import MemoryStore
from tests.hostile import hostile_photos
from tests.memory_use import most_bytes
from tests.photos import encoded, scene
from tests.zips import hostile_zips
from worker.engines.port import Engine
from worker.engines.pytorch.engine import TorchEngine
from worker.pixels import Photo, PhotoRejected, PixelLimits, decode
from worker.pixels.decoder import PhotoDecoder

#: Photos of an album and its rounds, by scale.
ALBUMS = {"tiny": (2, 1), "small": (12, 5), "full": (24, 15)}
LIMITS = PixelLimits(Settings().max_photo_megapixels)
FILE_BYTES = Settings().max_photo_bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a file was turned away with, and how soon."""

    file: str
    reason: str
    seconds: float


def main() -> None:
    """Send every hostile file, then albums."""
    chosen = parser("hostile", __doc__ or "").parse_args()
    out = prepare(chosen)
    answers, peak = turn_away()
    save(out, "hostile", [asdict(answer) for answer in answers])
    print(f"\n### {len(answers)} hostile files\n")
    print(table(("turned away with", "files"), Counter(a.reason for a in answers).most_common()))
    slowest = sorted(answers, key=lambda answer: -answer.seconds)[:8]
    print(table(("slowest", "s"), [(a.file, f"{a.seconds:.2f}") for a in slowest]))
    print(f"\nThe decoder took at most {peak / 1e6:.0f} MB beyond what it has when it is idle.")
    photos, rounds = ALBUMS[chosen.scale]
    within, beside = album_seconds(photos, rounds)
    print(f"\n### An album of {photos} photos, light net, median of {rounds} interleaved rounds\n")
    print(f"decoded within the worker {within:.2f} s, beside it {beside:.2f} s: ", end="")
    print(f"{within / beside:.3f} of the throughput")


def turn_away() -> tuple[list[Answer], int]:
    """Return each file's answer, and the most memory (bytes) of a decoder beyond its idle."""
    store, answers, peak = MemoryStore(), list[Answer](), 0
    for name, file in hostile_zips().items():
        store.put(name, file.data)
        read = partial(read_archive, store, name, Settings(), name=name)
        answers.append(_timed(name, lambda read=read: len(read().photos)))
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES) as decoder:
        decoder.decode(encoded(scene(), "PNG"))
        idle = _most_bytes()
        for name, data in hostile_photos().items():
            if not name.endswith(".zip"):  # else: an archive that is taken, and its photo fails
                answers.append(_timed(name, partial(decoder.decode, data)))
                peak = max(peak, _most_bytes() - idle)
    return answers, peak


def _timed(name: str, read: Callable[[], object]) -> Answer:
    began = time.perf_counter()
    try:
        found = read()
        reason = f"nothing ({found})" if found else "no photos"
    except (PhotoRejected, ImpastoError) as error:
        reason = error.type
    return Answer(name, reason, time.perf_counter() - began)


def _most_bytes() -> int:
    """Return the most memory that a decoder of this process ever had."""
    return max((most_bytes(child.pid) for child in psutil.Process().children()), default=0)


def album_seconds(photos: int, rounds: int) -> tuple[float, float]:
    """Return the median seconds of an album decoded within this process, and beside it."""
    engine = TorchEngine(light_net(), device=torch.device("cpu"))
    taken: dict[str, list[float]] = {"within": [], "beside": []}
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES) as decoder:
        ways = {"within": partial(decode, limits=LIMITS), "beside": decoder.decode}
        for way in (*ways, *(list(ways) * rounds)):
            taken[way].append(_paint(engine, ways[way], photos))
    # The first of each warms up.
    return median(taken["within"][1:]), median(taken["beside"][1:])


def _paint(engine: Engine, decoded: Callable[[bytes], Photo], photos: int) -> float:
    harness = AlbumHarness(chunk_photos=photos, engine=engine)
    pipeline = replace(harness.pipeline, decode=decoded_by(decoded))
    album = {f"{n}.jpg": encoded(scene(640 + n, 480), "JPEG") for n in range(photos)}
    claim = harness.claim(harness.submit(dict(album)))
    began = time.perf_counter()
    pipeline.run(claim)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
