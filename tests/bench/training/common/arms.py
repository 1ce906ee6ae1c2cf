"""Arms of an experiment: trainings that differ in one thing, each stage's net kept on disk."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from infra.jobs.domain.schedule import Schedule
from tests.bench.common.plain import PlainTrainer
from tests.bench.training.common.resumable import run_stage
from trainer.loss.measure import Measured
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.training.context import RunConfig, TrainingContext
from trainer.training.loop import StageTrainer
from worker.net import NetConfig, TransformNet
from worker.net.netfile import NetCard, pack, unpack


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an arm ended: distances on held-out photos, and the seconds that its stages took.

    They are seconds of processor time, all threads together: other programs beside it do not count.
    """

    measured: Measured
    seconds: float
    #: The last stage's net file.
    net: str

    def load(self) -> TransformNet:
        """Return the trained net."""
        return unpack(Path(self.net).read_bytes())[0]


@dataclass(frozen=True, slots=True)
class Arm:
    """One training: everything that decides its net."""

    painting: Path
    schedule: str
    seed: int = 1
    #: `dimensionless`, or `plain`: squared errors as in Johnson et al. (2016).
    losses: str = "dimensionless"
    #: Net file to start from instead of the seed's untrained net.
    base: Path | None = None
    config: NetConfig = field(default_factory=lambda: NetConfig(width=16))
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)

    def digest(self, stages: int) -> str:
        """Return a hash (hex) of all that decides the net after so many stages."""
        schedule = ",".join(self.schedule.split(",")[:stages])
        parts = {
            **asdict(replace(self, schedule=schedule)),
            "painting": hashlib.sha256(self.painting.read_bytes()).hexdigest(),
            "base": hashlib.sha256(self.base.read_bytes()).hexdigest() if self.base else None,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


class Laboratory:
    """Runs arms; what was trained before, by this or an earlier run, is not repeated.

    A stage that was stopped goes on where its last checkpoint was written; one with plain losses
    begins again.
    """

    def __init__(self, *, photos: Path, loss_network: LossNetwork, out: Path) -> None:
        self._photos = photos
        self.network = loss_network
        self._nets = out / "nets" / loss_network.name
        self._nets.mkdir(parents=True, exist_ok=True)
        self._contexts: dict[tuple[Path, Hyperparameters], TrainingContext] = {}

    def run(self, arm: Arm, on_stage: Callable[[str], None] = print) -> Outcome:
        """Train an arm, or find it trained."""
        record = self._nets / f"{arm.digest(arm.schedule.count(',') + 1)}.json"
        if record.exists():
            found = json.loads(record.read_text())
            return Outcome(Measured(**found["measured"]), found["seconds"], found["net"])
        context = self.context(arm)
        net, seconds, path = self._start(arm, context), 0.0, Path()
        for stage in range(len(context.config.schedule.stages)):
            path, spent = self._stage(arm, context, stage, net)
            net, seconds = unpack(path.read_bytes())[0], seconds + spent
        measured = self._measured(arm, len(context.config.schedule.stages) - 1, context)
        outcome = Outcome(measured, round(seconds, 1), str(path))
        record.write_text(json.dumps(asdict(outcome)))
        on_stage(
            f"  {arm.painting.stem} seed {arm.seed} {arm.losses} {arm.schedule}: {_say(outcome)}"
        )
        return outcome

    def along(self, arm: Arm) -> list[Measured]:
        """Measure the nets of all stages of an arm, which must have been run."""
        context = self.context(arm)
        return [self._measured(arm, stage, context) for stage in range(arm.schedule.count(",") + 1)]

    def _measured(self, arm: Arm, stage: int, context: TrainingContext) -> Measured:
        path = self._nets / f"{arm.digest(stage + 1)}.safetensors"
        record = path.with_suffix(".measured")
        if not record.exists():
            record.write_text(json.dumps(asdict(context.measure(unpack(path.read_bytes())[0]))))
        return Measured(**json.loads(record.read_text()))

    def context(self, arm: Arm) -> TrainingContext:
        """Return the context of an arm's painting, corpus and hyperparameters."""
        key = (arm.painting, hyperparameters := replace(arm.hyperparameters, seed=arm.seed))
        if key not in self._contexts:
            # One at a time: each keeps its decoded photos.
            self._contexts = {
                key: TrainingContext(self._run_config(arm, hyperparameters), self.network)
            }
        context = self._contexts[key]
        context.config = self._run_config(arm, hyperparameters)
        return context

    def _run_config(self, arm: Arm, hyperparameters: Hyperparameters) -> RunConfig:
        return RunConfig(
            name=arm.painting.stem.replace("_", "-"),
            title="",
            licence="",
            painting=arm.painting,
            photos=self._photos,
            schedule=Schedule.parse(arm.schedule),
            net=arm.config,
            hyperparameters=hyperparameters,
            painting_side=384,
            code_version="bench",
            command="",
            reproduce="",
        )

    def _start(self, arm: Arm, context: TrainingContext) -> TransformNet:
        return unpack(arm.base.read_bytes())[0] if arm.base else context.first_net()

    def _stage(
        self, arm: Arm, context: TrainingContext, stage: int, net: TransformNet
    ) -> tuple[Path, float]:
        path = self._nets / f"{arm.digest(stage + 1)}.safetensors"
        if not path.exists():
            trainer = self._trainer(arm, context, stage, net)
            if isinstance(trainer, StageTrainer):
                seconds = run_stage(trainer, path.with_suffix(".checkpoint"), path.stem)
            else:
                seconds = _run_plain(trainer)
            ratio = context.config.schedule.stages[stage].ratio
            card = NetCard(arm.config, "bench", stage, ratio, {"seconds": seconds})
            path.write_bytes(pack(net, card))
        return path, unpack(path.read_bytes())[1].provenance["seconds"]

    def _trainer(
        self, arm: Arm, context: TrainingContext, stage: int, net: TransformNet
    ) -> StageTrainer | PlainTrainer:
        if arm.losses == "dimensionless":
            return context.stage_trainer(stage, net)
        return PlainTrainer(context=context, stage=stage, net=net)


def _run_plain(trainer: PlainTrainer) -> float:
    begun = time.process_time()
    while not trainer.done:
        trainer.step()
    trainer.close()
    return time.process_time() - begun


def _say(outcome: Outcome) -> str:
    seen = outcome.measured
    return (
        f"style {seen.style:.3f}, content {seen.content:.3f}, SSIM {seen.ssim:.3f}, "
        f"{outcome.seconds:.0f} s"
    )
