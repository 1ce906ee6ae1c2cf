"""Quick styles: a painting's norms over a backbone against every weight from the base.

    python3 infra/dev.py bench quick [--scale small|full] [--backbone FOLDER --base FILE]

Both get the same stages and iterations. Seconds are of processor time, so that other programs do
not count; on two idle cores a training takes a little more than half of them. The dead share is of
the worst photo of an album that no net was trained on; it refuses nothing here. Without a backbone,
one is trained on three of the paintings; the others, and a picture of flat colours made by code,
are new to it. Then 1,000 quick styles are loaded into the worker's cache, and the process's memory
is measured.
"""

import gc
import hashlib
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor

from infra import layout
from infra.catalogue.style import WeightedNet
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import table
from tests.bench.training.common.arms import Arm, Laboratory
from tests.bench.training.common.assets import Assets, find_assets
from tests.bench.training.common.pictures import draw_de_stijl, draw_grid
from tests.fakes.storage import MemoryStore
from trainer.local.backbone import read_targets, train_backbone
from trainer.local.train import train
from trainer.loss.holes import blank_of, dead_share
from trainer.loss.measure import Measured
from trainer.loss.objective import Hyperparameters
from trainer.schedule.guard import GuardRules
from trainer.training.context import to_tensor
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, Backbone, QuickContext
from worker.engines.net_cache import NetCache
from worker.engines.pytorch.engine import TorchEngine
from worker.net import NetConfig, TransformNet
from worker.net.affine import AffineCard, pack_affine
from worker.net.grain import paint
from worker.net.netfile import NetCard, pack, unpack

RESIDENT = 1000
BASES = {"tiny": "0.02:2", "small": "0.02:120", "full": "0.02:900"}
BACKBONES = {
    "tiny": "1:4",
    "small": "0.2:60,2:90,10:120",
    "full": "0.1:150,0.4:225,1.5:300,5:375,10:450",
}
STYLES = {"tiny": "1:2", "small": "0.4:20,2:30,10:50", "full": "0.4:50,2:75,10:125"}
SHAPES = {
    "tiny": (NetConfig(width=2), Hyperparameters(batch=1, crop=64)),
    "small": (NetConfig(width=8), Hyperparameters(batch=2, crop=96, smoothness=0.2)),
    "full": (NetConfig(width=16), Hyperparameters(batch=4, crop=128, smoothness=0.2)),
}
#: Paintings that a backbone made here learns.
BACKBONE_PAINTINGS = ("water-lilies", "great-wave", "composition-vii")


@dataclass(frozen=True, slots=True)
class Trial:
    """One painting, learned in one way."""

    painting: str
    #: Whether the backbone was trained on it.
    seen: bool
    profile: str
    measured: Measured
    #: Of processor time.
    seconds: float
    #: Largest share of a photo of the album, 0..1, that is dead in its painting.
    dead: float


def main() -> None:
    """Train quick and light styles of five paintings, and fill a cache with quick ones."""
    made = parser("quick", __doc__ or "", trains=True)
    made.add_argument("--backbone", type=Path, help="folder of trainer.backbone_cli's backbone")
    made.add_argument("--base", type=Path, help="net that light styles start from")
    made.add_argument("--schedule", help="stages of each style")
    made.add_argument("--painting", action="append", help="only these")
    options = made.parse_args()
    out = prepare(options)
    assets = find_assets()
    network = assets.loss_network(options.loss_network)
    laboratory = Laboratory(photos=assets.photos, loss_network=network, out=out)
    paintings = {**assets.paintings(), "de-stijl": draw_de_stijl(out / "de_stijl.png")}
    config, hyperparameters = SHAPES[options.scale]
    arm = Arm(
        paintings["water-lilies"],
        BASES[options.scale],
        config=config,
        hyperparameters=hyperparameters,
    )
    base = options.base or Path(laboratory.run(arm).net)
    folder = options.backbone or _make_backbone(laboratory, assets, arm, base, options.scale, out)
    over = Backbone.read((folder / "backbone.safetensors").read_bytes())
    album = [read_photo(path) for path in assets.album()]
    trials: list[Trial] = []
    rows = []
    for name in options.painting or paintings:
        schedule = options.schedule or STYLES[options.scale]
        shape = over.net.config
        learner = Arm(
            paintings[name], schedule, config=shape, hyperparameters=hyperparameters, base=base
        )
        seen = (folder / f"{name}.safetensors").exists()
        both, nets = train_both(laboratory, learner, name, over, seen, out, album)
        trials += both
        save(out, "quick", [asdict(trial) for trial in trials])
        context = laboratory.context(learner)
        photo = context.held_out[len(rows)]
        pictures = [context.painting, photo, *(paint(net, photo) for net in nets)]
        rows.append((f"{name} ({'seen' if seen else 'new'})", pictures))
        draw_grid(out / "quick.jpg", ("painting", "photo", "quick", "light"), rows)
    print(f"\n### Quick against light: {options.schedule or STYLES[options.scale]}\n")
    print(trials_table(trials))
    print(f"\n{resident(over)}")


def _make_backbone(
    laboratory: Laboratory, assets: Assets, arm: Arm, base: Path, scale: str, out: Path
) -> Path:
    folder = out / "backbone"
    if not (folder / "backbone.safetensors").exists():
        known = assets.paintings()
        arm = Arm(
            arm.painting, BACKBONES[scale], config=arm.config, hyperparameters=arm.hyperparameters
        )
        context = laboratory.context(arm)
        targets = read_targets(context, {name: known[name] for name in BACKBONE_PAINTINGS})
        begun = time.monotonic()
        iterations = context.config.schedule.iterations // 10 + 1
        trained = train_backbone(
            context, targets, unpack(base.read_bytes())[0], neutral_iterations=iterations
        )
        trained.write(folder, ratio=context.config.schedule.stages[-1].ratio)
        print(f"Backbone of {', '.join(BACKBONE_PAINTINGS)}: {time.monotonic() - begun:.0f} s")
        for name, seen in trained.held_out.items():
            print(f"  {name}: style {seen.style:.3f}, content {seen.content:.3f}")
    return folder


def train_both(
    laboratory: Laboratory,
    arm: Arm,
    name: str,
    over: Backbone,
    seen: bool,
    out: Path,
    album: list[Tensor],
) -> tuple[list[Trial], list[TransformNet]]:
    """Train one painting both ways; returns the results and the nets."""
    light = laboratory.run(arm)
    hyperparameters = arm.hyperparameters
    # Stage 0 of a quick style is the backbone's own norms, as they are.
    schedule = f"0.02:1,{arm.schedule}"
    quick = replace(
        arm,
        schedule=schedule,
        hyperparameters=replace(hyperparameters, floor_rate=FLOOR_RATE, later_rate=PEAK_RATE),
    )
    context = QuickContext(laboratory.context(quick).config, laboratory.network, over)
    # One of its own for each way to train it: a folder is not trained into otherwise.
    ways = hashlib.sha256(f"{quick} {over.sha256}".encode()).hexdigest()[:8]
    folder = out / f"quick-{name}-{ways}"
    # What holes there are is measured here, and refuses nothing.
    card = train(
        context,
        folder,
        base=context.stage_zero(),
        rules=GuardRules(dead=1),
        clock=time.process_time,
    )
    last, seconds = card.stages[-1], sum(stage.seconds for stage in card.stages)
    measured = Measured(**last.held_out.model_dump())
    print(f"  {name} quick: {measured}, {seconds:.0f} s", flush=True)
    nets = [context.unpack((folder / last.file).read_bytes()).eval(), light.load()]
    holes = [worst_hole(net, album or context.held_out) for net in nets]
    trials = [
        Trial(name, seen, "quick", measured, seconds, holes[0]),
        Trial(name, seen, "light", light.measured, light.seconds, holes[1]),
    ]
    return trials, nets


def worst_hole(net: TransformNet, photos: list[Tensor]) -> float:
    """Return the largest share of a photo, 0..1, that is dead in its painting."""
    return max(dead_share(paint(net, photo), blank_of(net)) for photo in photos)


def read_photo(path: Path) -> Tensor:
    """Read a photo in its own size, as nets take it."""
    with Image.open(path) as photo:
        return to_tensor(np.asarray(photo.convert("RGB")))


def trials_table(trials: list[Trial]) -> str:
    """Return the table of paintings and profiles."""
    rows = [
        (
            f"{trial.painting}{'' if trial.seen else ' (new to the backbone)'}, {trial.profile}",
            f"{trial.measured.style:.3f}",
            f"{trial.measured.content:.3f}",
            f"{trial.measured.ssim:.3f}",
            f"{trial.seconds:.0f}",
            f"{trial.dead:.3%}",
        )
        for trial in trials
    ]
    return table(
        ("painting, profile", "style", "content", "SSIM", "processor seconds", "dead"), rows
    )


class _MadeToOrder(MemoryStore):
    """A store that makes quick styles as they are fetched, so that it takes no memory itself."""

    def __init__(self, over: Backbone, backbone: bytes) -> None:
        super().__init__()
        self._over = over
        super().put(layout.backbone(over.sha256), backbone)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        return self.style(int(key)) if key.isdigit() else super().get(key, limit=limit)

    def style(self, number: int) -> bytes:
        torch.manual_seed(number)
        affine = self._over.neutral
        values = affine.values + 0.1 * torch.randn_like(affine.values)
        noisy = type(affine)(affine.config, affine.backbone, values)
        return pack_affine(noisy, AffineCard(f"style-{number}", 1, 1.0))

    def weighted(self, number: int) -> WeightedNet:
        sha256 = hashlib.sha256(self.style(number)).hexdigest()
        return WeightedNet(key=str(number), sha256=sha256, weight=1.0)


def resident(over: Backbone, count: int = RESIDENT) -> str:
    """Load many quick styles into one cache and say what they take, counted and measured."""
    card = NetCard(over.net.config, "backbone", 0, 0.02)
    file = pack(over.net, card)
    store = _MadeToOrder(Backbone.read(file), file)
    cache = NetCache(
        objects=store,
        make_engine=lambda net: TorchEngine(net, device=torch.device("cpu")),
        limit_bytes=1 << 30,
    )
    photo = torch.zeros(64, 64, 3, dtype=torch.uint8).numpy()
    cache.engine([store.weighted(0)]).stylize(photo)
    before, counted = _resident_bytes(), cache.loaded_bytes
    for number in range(1, count + 1):
        cache.engine([store.weighted(number)])
    cache.engine([store.weighted(count)]).stylize(photo)
    grown, vectors = _resident_bytes() - before, cache.loaded_bytes - counted
    return (
        f"{count} quick styles resident beside their backbone: {vectors / 1e6:.1f} MB of vectors; "
        f"the process grew by {grown / 1e6:.1f} MB. One file: {len(store.style(1)):,} bytes."
    )


def _resident_bytes() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


if __name__ == "__main__":
    main()
