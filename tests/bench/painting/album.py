"""What is left of the engine's speed in a whole album, and what a plain loop would take.

    python3 infra/dev.py bench album [--scale small|full]

An album goes through the real service: Redis, S3, API and worker, as `impasto up` starts them; its
time is that from the job's creation to its end. The bare engine paints the same photos, decoded
beforehand, on this process's main thread, directly before and after; so does the plain loop with
some of them, which is what people write: PIL opens, an eager net paints, PIL saves, one photo after
the other. The light net leaves the least time to hide anything in. All are warm: every size has
been met before.
"""

import io
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from impasto_client import Client, Job
from infra.catalogue import StyleCatalogue
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.storage.s3 import S3Store, connect_s3
from tests.bench.common.nets import light_net, standard_net
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.plain_net import written_plainly
from tests.bench.common.promises import Promise, at_least, at_most, judge
from tests.bench.common.tables import table
from tests.bench.painting.common.mixed import SIZES, mixed_photos
from tests.bench.painting.common.steps import step_seconds
from worker.engines.choice import EngineFactory, choose_engine
from worker.engines.port import Engine, Pixels
from worker.net import TransformNet
from worker.net.netfile import NetCard, pack
from worker.pixels import PixelLimits, decode

CPU = torch.device("cpu")
PROFILES = {"standard": standard_net, "light": light_net}
#: What the net is published as.
STYLE = "measured"
#: Albums, each of other photos, by scale.
ROUNDS = {"tiny": 1, "small": 2, "full": 5}
#: Of the photos, the plain loop and the steps one by one get every so many-eth: sizes come in turns
#: of six and formats in turns of ten, so that this meets all of them.
EVERY = 7
#: Seconds between looks at a job, before its first result and after it.
FIRST_LOOKS, LOOKS = 0.05, 0.5
LIMITS = PixelLimits(max_megapixels=50)
#: What an album is held to: its speed of the bare engine's and of the plain loop's, and its time
#: when it is sent again, of the first.
OF_BARE, OF_PLAIN, AGAIN = 0.92, 1.7, 0.05


@dataclass(frozen=True, slots=True)
class Round:
    """One album; speeds in megapixels a second."""

    bare: float
    album: float
    plain: float
    album_seconds: float
    #: From the job's creation to the first photo's result.
    first_seconds: float
    #: The same album sent again: its time as a part of the first, and photos that were painted.
    again_share: float
    again_painted: int


def main() -> int:
    """Measure albums beside the bare engine and the plain loop; 1 when a limit is missed."""
    made = parser("album", __doc__ or "")
    made.add_argument("--rounds", type=int, help="default: by scale")
    made.add_argument("--profile", choices=tuple(PROFILES), default="standard", help="of the net")
    chosen = made.parse_args()
    out, scale = prepare(chosen), chosen.scale
    net = PROFILES[chosen.profile]()
    engine = EngineFactory(choose_engine("auto", CPU), CPU, threads=chosen.threads)(net)
    with TemporaryDirectory() as data:
        settings = Settings(data=Path(data), port=0, device="cpu", threads=chosen.threads)
        with EmbeddedStack(settings) as stack, Client(stack.url) as client:
            stack.wait_ready()
            bucket = connect_s3(stack.settings)
            publish(bucket, net)
            loop = written_plainly(net)
            few = dict(list(mixed_photos(scale, seed=0).items())[: len(SIZES[scale])])
            warm_up(client, bucket, engine, loop, few)
            rounds = [
                measure(client, bucket, engine, loop, scale, seed)
                for seed in range(1, (chosen.rounds or ROUNDS[scale]) + 1)
            ]
            some = dict(list(mixed_photos(scale, seed=99).items())[::EVERY])
            steps = step_seconds(bucket, engine, some, LIMITS)
    results = {"profile": chosen.profile, "rounds": [asdict(r) for r in rounds], "steps": steps}
    save(out, "album", results)
    photos = f"{len(mixed_photos(scale, 0))} photos"
    print(f"\n### Albums of {photos}, {chosen.profile} net, {chosen.threads} threads\n")
    print(rounds_table(rounds))
    print("\nSteps of a photo, one after the other in one process (an album overlaps them):\n")
    print(steps_table(steps))
    return judge(promises(rounds), scale)


def publish(bucket: S3Store, net: TransformNet) -> None:
    """Make the net a style of the service, as a training does."""
    catalogue, job = StyleCatalogue(bucket), "bench"
    catalogue.reserve(STYLE, job, "default")
    file = pack(net, NetCard(net.config, STYLE, 0, 1.0))
    catalogue.publish_stage(
        STYLE, title="Measured", job=job, stage=0, ratio=1.0, net=file, files={}
    )


def warm_up(
    client: Client, bucket: S3Store, engine: Engine, loop: TransformNet, files: dict[str, bytes]
) -> None:
    """Let all sides meet every size once."""
    run_album(client, bucket, files, "inbox/warm-up/")
    bare_speed(engine, [decode(data, LIMITS).rgb for data in files.values()])
    plain_speed(loop, list(files.values()))


def measure(
    client: Client, bucket: S3Store, engine: Engine, loop: TransformNet, scale: str, seed: int
) -> Round:
    """Send an album twice, the first time with bare engine and plain loop before and after."""
    files = mixed_photos(scale, seed)
    decoded = [decode(data, LIMITS).rgb for data in files.values()]
    some = list(files.values())[::EVERY]
    plain, bare = [plain_speed(loop, some)], [bare_speed(engine, decoded)]
    job, first = run_album(client, bucket, files, f"inbox/{seed}/")
    bare.append(bare_speed(engine, decoded))
    plain.append(plain_speed(loop, some))
    again, _ = run_album(client, bucket, {}, f"inbox/{seed}/")
    return Round(
        bare=statistics.harmonic_mean(bare),
        album=megapixels(decoded) / seconds_of(job),
        plain=statistics.harmonic_mean(plain),
        album_seconds=seconds_of(job),
        first_seconds=first,
        again_share=seconds_of(again) / seconds_of(job),
        again_painted=sum(item.seconds != 0 for item in client.items(again.id)),
    )


def run_album(
    client: Client, bucket: S3Store, files: dict[str, bytes], prefix: str
) -> tuple[Job, float]:
    """Put photos into the bucket and paint what lies there; the job, and the first's seconds."""
    for name, data in files.items():
        bucket.put(prefix + name, data)
    begun = time.perf_counter()
    job, first = client.submit_stored({"prefix": prefix}, style=STYLE), 0.0
    while not job.state.terminal:
        time.sleep(LOOKS if first else FIRST_LOOKS)
        job = client.job(job.id)
        if not first and job.counts.done:
            first = time.perf_counter() - begun
    assert job.counts.failed == 0, "a photo failed"
    return job, first


def seconds_of(job: Job) -> float:
    """Return the time from a job's creation to its end."""
    assert job.finished is not None
    return (job.finished - job.created).total_seconds()


def megapixels(photos: list[Pixels]) -> float:
    """Return how large photos are together."""
    return sum(rgb.shape[0] * rgb.shape[1] for rgb in photos) / 1e6


def bare_speed(engine: Engine, photos: list[Pixels]) -> float:
    """Paint decoded photos one by one; megapixels a second."""
    begun = time.perf_counter()
    for rgb in photos:
        engine.stylize(rgb)
    return megapixels(photos) / (time.perf_counter() - begun)


@torch.inference_mode()
def plain_speed(net: TransformNet, files: list[bytes]) -> float:
    """Open, paint and save photos one by one, as people write it; megapixels a second."""
    begun, pixels = time.perf_counter(), 0
    for data in files:
        rgb = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        batch = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
        painted = net(batch)[0].mul(255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(painted).save(io.BytesIO(), "JPEG", quality=92)
        pixels += rgb.shape[0] * rgb.shape[1]
    return pixels / 1e6 / (time.perf_counter() - begun)


def rounds_table(rounds: list[Round]) -> str:
    """Return the table of albums."""
    columns = ("album", "seconds", "first result, s", "MP/s", "bare engine, MP/s", "of bare")
    rows = [
        (
            number,
            f"{r.album_seconds:.1f}",
            f"{r.first_seconds:.2f}",
            f"{r.album:.2f}",
            f"{r.bare:.2f}",
            f"{r.album / r.bare:.3f}",
            f"{r.album / r.plain:.2f}×",
            f"{r.again_share:.1%}",
        )
        for number, r in enumerate(rounds, 1)
    ]
    return table((*columns, "of the plain loop", "sent again"), rows)


def steps_table(steps: dict[str, float]) -> str:
    """Return the table of steps."""
    whole = sum(steps.values())
    rows = [(name, f"{1e3 * s:.1f}", f"{s / whole:.1%}") for name, s in steps.items()]
    return table(("step", "ms a photo", "share"), rows)


def promises(rounds: list[Round]) -> list[Promise]:
    """Hold the median album against its limits."""
    of_bare = statistics.median(r.album / r.bare for r in rounds)
    of_plain = statistics.median(r.album / r.plain for r in rounds)
    again = statistics.median(r.again_share for r in rounds)
    painted = sum(r.again_painted for r in rounds)
    return [
        at_least("of the bare engine's speed", of_bare, OF_BARE, "{:.3f}"),
        at_least("of the plain loop's speed", of_plain, OF_PLAIN, "{:.2f}×"),
        at_most("sent again, of the first time's", again, AGAIN, "{:.1%}"),
        at_most("photos painted when sent again", painted, 0, "{:.0f}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
