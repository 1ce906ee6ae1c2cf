"""Quick styles: a painting's norms over a backbone against every weight from the base.

    python3 infra/dev.py bench quick [--scale small|full] [--backbone FILE] [--beside REVISION]

Both get the same stages and iterations. Seconds are of processor time, so that other programs do
not count; on two idle cores a training takes a little more than half of them. The dead share is of
the worst photo of an album that no net was trained on; it refuses nothing here. Neutral style is
that of `bench pictures`. Without a backbone, one is trained on three of the paintings; the others,
and a picture of flat colours made by code, are new to it. Then 1,000 quick styles are loaded into
the worker's cache, and the process's memory is measured.

With `--beside`, an earlier revision learns each painting as well, over its own backbone and loss
network, by its own `bench quick` in a folder of its own; its last stage is measured as ours are.
Then a stage of ours must have no more style distance than that, by the loss network and by the
neutral measures, and no dead area, in a quarter of its processor seconds; and the last one must be
there within four minutes of two cores.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from torch import Tensor

from tests.bench.common.options import parser, prepare, save
from tests.bench.common.promises import Promise, judge
from tests.bench.training.common.arms import Arm, Laboratory
from tests.bench.training.common.assets import Assets, find_assets
from tests.bench.training.common.earlier_quick import EarlierBuild
from tests.bench.training.common.pictures import draw_de_stijl, draw_grid
from tests.bench.training.common.resident import resident
from tests.bench.training.common.trials import (
    Trial,
    neutral_style,
    promises,
    read_photo,
    trials_table,
    worst_hole,
)
from trainer.local.backbone import measure_paintings, read_targets, train_backbone
from trainer.local.train import train
from trainer.loss.measure import Measured
from trainer.loss.objective import Hyperparameters
from trainer.schedule.guard import GuardRules
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, SPIKES, Backbone, QuickContext
from worker.net import NetConfig, TransformNet
from worker.net.grain import paint
from worker.net.netfile import unpack

BASES = {"tiny": "0.02:2", "small": "0.02:120", "full": "0.02:900"}
BACKBONES = {
    "tiny": "1:4",
    "small": "0.2:60,2:90,10:120",
    "full": "0.1:150,0.4:225,1.5:300,5:375,10:450",
}
STYLES = {"tiny": "1:2", "small": "0.4:20,2:30,10:50", "full": "0.4:50,2:75,10:125"}
#: The same over the VGGs, whose ladder lies lower.
VGG_STYLES = {"tiny": "1:2", "small": "0.4:20,1.5:30,4:50", "full": "0.7:25,2:35,6:90"}
SHAPES = {
    "tiny": (NetConfig(width=2), Hyperparameters(batch=1, crop=64)),
    "small": (NetConfig(width=8), Hyperparameters(batch=2, crop=96, smoothness=0.2)),
    "full": (NetConfig(width=16), Hyperparameters(batch=4, crop=128, smoothness=0.2)),
}
#: Paintings that a backbone made here learns.
BACKBONE_PAINTINGS = ("water-lilies", "great-wave", "composition-vii")


def main() -> int:
    """Train every painting, and fill a cache with quick styles; 1 where a promise is missed."""
    options = _parse()
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
    base = options.base or options.backbone or Path(laboratory.run(arm).net)
    file = options.backbone or _make_backbone(laboratory, assets, arm, base, options.scale, out)
    over = Backbone.read(file.read_bytes())
    taught = unpack(file.read_bytes())[1].provenance["paintings"]
    study = _Study(
        laboratory=laboratory,
        over=over,
        taught={name.replace("_", "-") for name in taught},
        album=[read_photo(path) for path in assets.album()],
        light=not options.quick_only,
        earlier=EarlierBuild(options.beside, assets, out, options) if options.beside else None,
        out=out,
    )
    named = VGG_STYLES if network.name.startswith("vgg") else STYLES
    schedule = options.schedule or named[options.scale]
    shape = replace(arm, schedule=schedule, config=over.net.config, base=base)
    chosen = options.painting or paintings
    kept = study.learn({name: replace(shape, painting=paintings[name]) for name in chosen})
    print(f"\n### Quick styles: {schedule}, {network.name}\n\n{trials_table(study.trials)}")
    print(f"\n{resident(over)}")
    return judge(kept, options.scale) if kept else 0


def _parse() -> argparse.Namespace:
    made = parser("quick", __doc__ or "", trains=True)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--backbone", type=Path, help="its file (default: trained here)")
    made.add_argument("--base", type=Path, help="net that light styles start from")
    made.add_argument("--schedule", help="stages of each style")
    made.add_argument("--painting", action="append", help="only these")
    made.add_argument("--quick-only", action="store_true", help="train no light styles")
    made.add_argument("--beside", metavar="REVISION", help="of the build that is held against ours")
    options = made.parse_args()
    if options.backbone and options.backbone.is_dir():
        options.backbone /= "backbone.safetensors"
    return options


def _make_backbone(
    laboratory: Laboratory, assets: Assets, arm: Arm, base: Path, scale: str, out: Path
) -> Path:
    file = out / "backbone" / "backbone.safetensors"
    if not file.exists():
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
        trained.write(file.parent, ratio=context.config.schedule.stages[-1].ratio)
        print(f"Backbone of {', '.join(BACKBONE_PAINTINGS)}: {time.monotonic() - begun:.0f} s")
        for name, seen in measure_paintings(context, targets, trained).items():
            print(f"  {name}: style {seen.style:.3f}, content {seen.content:.3f}")
    return file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    """Learns paintings in each way, and measures all of them alike."""

    laboratory: Laboratory
    over: Backbone
    #: Names of the paintings that the backbone was trained on.
    taught: set[str]
    album: Sequence[Tensor]
    light: bool
    earlier: EarlierBuild | None
    out: Path
    trials: list[Trial] = field(default_factory=list)

    def learn(self, arms: Mapping[str, Arm]) -> list[Promise]:
        """Learn paintings by name, and keep and draw what came of it; returns what is promised."""
        kept: list[Promise] = []
        rows = []
        for name, arm in arms.items():
            stages, nets = self._quick(arm, name)
            others = {"light": self._light} if self.light else {}
            if self.earlier:
                others[self.earlier.revision] = self._earlier
            made = [learn(arm, name) for learn in others.values()]
            self.trials.extend([*stages, *(trial for trial, _ in made)])
            save(self.out, "quick", [asdict(trial) for trial in self.trials])
            if self.earlier:
                kept += promises(name, stages, made[-1][0])
            context = self.laboratory.context(arm)
            photo = context.held_out[len(rows) % len(context.held_out)]
            pictures = [paint(net, photo) for net in (*nets, *(net for _, net in made))]
            rows.append((self._told(name), [context.painting, photo, *pictures]))
            draw_grid(self.out / "quick.jpg", ["painting", "photo", "quick", *others], rows)
        return kept

    def _told(self, name: str) -> str:
        return f"{name} ({'seen' if name in self.taught else 'new'})"

    def _quick(self, arm: Arm, name: str) -> tuple[list[Trial], list[TransformNet]]:
        """Train a quick style; returns each of its stages, and the last net."""
        # Stage 0 of a quick style is the backbone's own norms, as they are.
        rates = replace(
            arm.hyperparameters, floor_rate=FLOOR_RATE, later_rate=PEAK_RATE, spikes=SPIKES
        )
        quick = replace(arm, schedule=f"0.02:1,{arm.schedule}", hyperparameters=rates)
        context = QuickContext(
            self.laboratory.context(quick).config, self.laboratory.network, self.over
        )
        # One of its own for each way to train it: a folder is not trained into otherwise.
        ways = hashlib.sha256(f"{quick} {self.over.sha256} {context.loss_network.name}".encode())
        folder = self.out / f"quick-{name}-{ways.hexdigest()[:8]}"
        # What faults there are is measured here, and refuses nothing.
        card = train(
            context,
            folder,
            base=context.stage_zero(),
            rules=GuardRules(dead=1, halo=1),
            clock=time.process_time,
        )
        trials: list[Trial] = []
        net = context.first_net()
        for stage in card.stages[1:] or card.stages:
            net = context.unpack((folder / stage.file).read_bytes()).eval()
            seconds = sum(s.seconds for s in card.stages if s.stage <= stage.stage)
            measured = Measured(**stage.held_out.model_dump())
            way = f"quick, stage {stage.stage}"
            trials.append(self._trial(arm, name, way, net, measured, seconds))
        return trials, [net]

    def _light(self, arm: Arm, name: str) -> tuple[Trial, TransformNet]:
        """Train every weight of a light net from the base."""
        light = self.laboratory.run(arm)
        net = light.load()
        return self._trial(arm, name, "light", net, light.measured, light.seconds), net

    def _earlier(self, arm: Arm, name: str) -> tuple[Trial, TransformNet]:
        """Let an earlier build learn the painting."""
        assert self.earlier is not None
        net, seconds = self.earlier.learn(name)
        measured = self.laboratory.context(arm).measure(net)
        return self._trial(arm, name, self.earlier.revision, net, measured, seconds), net

    def _trial(
        self,
        arm: Arm,
        name: str,
        way: str,
        net: TransformNet,
        measured: Measured,
        seconds: float,
    ) -> Trial:
        photos = self.album or self.laboratory.context(arm).held_out
        dead, neutral = worst_hole(net, photos), neutral_style(net, photos, arm.painting)
        trial = Trial(name, name in self.taught, way, measured, seconds, dead, neutral)
        print(f"  {name}, {way}: {measured}, neutral {neutral:.3f}, {seconds:.0f} s", flush=True)
        return trial


if __name__ == "__main__":
    sys.exit(main())
