"""A joint training as a state machine over (stage, iteration), with the guard of any training.

It depends on context, base and state alone, so that one restored from a checkpoint goes on bit for
bit. Whoever drives it decides where a state is kept.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

import torch
from torch import Tensor

from infra.catalogue.card import Intervention
from trainer.card import weights_sha256
from trainer.loss.distances import StyleTarget
from trainer.loss.objective import StepLoss
from trainer.schedule.guard import GuardRules, TrainingDiverged, step_alarm
from trainer.training.checkpoint import Checkpoint
from trainer.training.context import TrainingContext
from trainer.training.joint import JointNets
from trainer.training.joint_loop import JointTrainer
from worker.net import TransformNet


class JointRun:
    """The joint training of several paintings from a base net; `step` until `done`."""

    def __init__(
        self,
        context: TrainingContext,
        targets: Mapping[str, StyleTarget],
        base: TransformNet,
        rules: GuardRules = GuardRules(),  # noqa: B008 - immutable
    ) -> None:
        self._context = context
        self._targets = targets
        self._rules = rules
        self._stages = len(context.config.schedule.stages)
        self.config_digest = _digest(context, targets, base)
        self.nets = JointNets(base, list(targets))
        self.interventions: list[Intervention] = []
        self._totals: list[float] = []
        self._tick = 0
        self._rate_scale = 1.0
        self._attempts = 0
        self._trainer: JointTrainer | None = None
        self._enter(0)

    @property
    def done(self) -> bool:
        """Whether every stage has had all its iterations."""
        return self.stage >= self._stages

    @property
    def iteration(self) -> int:
        """Iterations of the running stage that are done."""
        return self._trainer.iteration if self._trainer else 0

    def step(self) -> StepLoss:
        """Train on one batch and return its mean distances; the guard may take the stage back.

        Raises TrainingDiverged when the guard has done so too often.
        """
        assert self._trainer is not None
        seen = self._trainer.step()
        self._tick += 1
        self._totals.append(seen.total(self._ratio))
        if alarm := step_alarm(self._totals, self._rules):
            self._go_back(alarm)
        elif self._trainer.done:
            self.nets.round()
            self._attempts = 0
            self._enter(self.stage + 1)
        return seen

    def state(self) -> Checkpoint:
        """Return everything that it takes to go on from here in another process."""
        tensors = {f"start.{name}": weight for name, weight in self._start.items()}
        tensors["totals"] = torch.tensor(self._totals, dtype=torch.float64)
        tensors |= self._trainer.state() if self._trainer else {}
        facts = {
            "rate_scale": self._rate_scale,
            "attempts": self._attempts,
            "interventions": [step.model_dump() for step in self.interventions],
        }
        return Checkpoint(
            self.config_digest, self._tick, self.stage, self.iteration, tensors, facts
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint of the same config was taken."""
        tensors, facts = checkpoint.tensors, checkpoint.facts
        self._rate_scale, self._attempts = facts["rate_scale"], facts["attempts"]
        self._tick = checkpoint.tick
        self.nets.load({name: tensors[f"start.{name}"] for name in self.nets.weights()})
        self._enter(checkpoint.stage)
        if self._trainer:
            self._trainer.restore(tensors, checkpoint.iteration)
        self.interventions = [Intervention.model_validate(step) for step in facts["interventions"]]
        self._totals = tensors["totals"].tolist()

    def close(self) -> None:
        """End the threads that decode ahead."""
        if self._trainer:
            self._trainer.close()

    @property
    def _ratio(self) -> float:
        return self._context.config.schedule.stages[self.stage].ratio

    def _enter(self, stage: int) -> None:
        self.close()
        self.stage = stage
        self._totals = []
        self._trainer = None
        self._start: dict[str, Tensor] = {
            name: weight.detach().clone() for name, weight in self.nets.weights().items()
        }
        if not self.done:
            self._trainer = JointTrainer(
                context=self._context,
                nets=self.nets,
                targets=self._targets,
                stage=stage,
                rate_scale=self._rate_scale,
            )

    def _go_back(self, reason: str) -> None:
        """Return to the weights that the stage started from, with smaller steps."""
        if self._attempts >= self._rules.attempts:
            raise TrainingDiverged(
                f"The joint training was ended in stage {self.stage}, after {self._attempts} "
                f"smaller steps: {reason}."
            )
        self._attempts += 1
        self._rate_scale *= self._rules.slower
        self.interventions.append(
            Intervention(
                stage=self.stage,
                ratio=self._ratio,
                iteration=self.iteration,
                reason=reason,
                rate_scale=self._rate_scale,
            )
        )
        self.nets.load(self._start)
        self._enter(self.stage)


def _digest(
    context: TrainingContext, targets: Mapping[str, StyleTarget], base: TransformNet
) -> str:
    """Return a hash (hex) of what decides the weights of a joint training."""
    config = context.config
    parts = {
        "paintings": {name: _target_sha256(target) for name, target in targets.items()},
        "net": asdict(config.net),
        "base": weights_sha256(base),
        "schedule": str(config.schedule),
        "hyperparameters": asdict(config.hyperparameters),
        "loss_network": context.loss_network.name,
        "corpus": context.corpus.sha256(),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _target_sha256(target: StyleTarget) -> str:
    digest = hashlib.sha256()
    for gram in target.grams.values():
        digest.update(gram.cpu().numpy().tobytes())
    return digest.hexdigest()
