"""The training loop of one stage: set up, then step by step.

A stage starts from the published (float16) weights of the one before it, with a fresh optimiser
and its own place in the corpus. Its file and the seed are therefore all that is needed to
continue behind it, or to repeat it bit for bit.
"""

from collections.abc import Generator, Iterable, Mapping
from typing import Final

import torch
from torch import Tensor

from infra.jobs.domain.schedule import Stage
from trainer.compute.arithmetic import EXACT, Arithmetic
from trainer.data.corpus import CropSampler
from trainer.loss.distances import StyleTarget
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters, Objective, StepLoss
from trainer.loss.spikes import SpikeWatch
from trainer.schedule.rate_policy import FixedRate, LearningRatePolicy
from worker.net import TransformNet

#: Adam's moments of each weight, as PyTorch names them.
MOMENTS: Final = ("exp_avg", "exp_avg_sq")


class StageTrainer:
    """Trains a net through one stage; `step` until `done`.

    `rate_scale` makes every step of the stage smaller. Weights without a gradient stay as they
    are.
    """

    def __init__(
        self,
        *,
        net: TransformNet,
        loss_network: LossNetwork,
        target: StyleTarget,
        sampler: CropSampler,
        stage: Stage,
        hyperparameters: Hyperparameters,
        lowest_ratio: float,
        first_photo: int,
        rate_policy: LearningRatePolicy | None = None,
        rate_scale: float = 1.0,
        arithmetic: Arithmetic = EXACT,
    ) -> None:
        self._painter = arithmetic.prepare(net.train())
        self._arithmetic = arithmetic
        self._device = loss_network.device
        self._target = target
        self._stage = stage
        self._hyperparameters = hyperparameters
        self._objective = Objective(
            loss_network,
            hyperparameters,
            stage,
            lowest_ratio=lowest_ratio,
            first_photo=first_photo,
            grain=net.config.grain,
            arithmetic=arithmetic,
            watch=SpikeWatch([net]) if hyperparameters.spikes else None,
        )
        self._learning = {name: p for name, p in net.named_parameters() if p.requires_grad}
        self._optimizer = torch.optim.Adam(
            self._learning.values(), lr=hyperparameters.peak_rate, fused=True
        )
        self._sampler = sampler
        self._batches: Generator[Tensor] | None = None
        self._first_photo = first_photo
        self._rate_policy = rate_policy or FixedRate(
            stage, peak=hyperparameters.peak_rate, floor=hyperparameters.floor_rate
        )
        self._rate_scale = rate_scale
        self.iteration = 0

    @property
    def done(self) -> bool:
        """Whether the stage has had all its iterations."""
        return self._rate_policy.ended(self.iteration)

    def step(self) -> StepLoss:
        """Train on one batch and return its distances before the step."""
        photo = self._next_batch()  # (B, 3, S, S), 0..1
        self._set_rate()
        loss, measured = self._objective(self._painter, self._target, photo, self.iteration)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self.iteration += 1
        self._rate_policy.observe(measured.total(self._stage.ratio))
        return measured

    def state(self) -> dict[str, Tensor]:
        """Return what is learned so far: each weight that learns, and Adam's moments of it.

        On a CPU the tensors are the trainer's own: the next step changes them.
        """
        state = {f"net.{name}": weight.detach().cpu() for name, weight in self._learning.items()}
        for name, weight in self._learning.items():
            if moments := self._optimizer.state.get(weight):
                state |= {f"{kind}.{name}": moments[kind].cpu() for kind in MOMENTS}
        return state

    def restore(self, state: Mapping[str, Tensor], losses: Iterable[StepLoss]) -> None:
        """Continue behind `losses`, the stage's so far, from what `state` returned then.

        The next step is then the same, bit for bit. Raises KeyError where `state` lacks a weight.
        """
        for loss in losses:
            self._rate_policy.observe(loss.total(self._stage.ratio))
            self.iteration += 1
        with torch.no_grad():
            for name, weight in self._learning.items():
                weight.copy_(state[f"net.{name}"])
                if self.iteration:
                    self._optimizer.state[weight] = self._moments(name, state)

    def _moments(self, name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        step = torch.tensor(float(self.iteration), device=self._device)
        moments = {kind: state[f"{kind}.{name}"].to(self._device, copy=True) for kind in MOMENTS}
        return {"step": step, **moments}

    def close(self) -> None:
        """End the threads that decode ahead; the trainer can still go on."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def _next_batch(self) -> Tensor:
        if self._batches is None:
            position = self._first_photo + self.iteration * self._hyperparameters.batch
            self._batches = self._sampler.batches(position, self._hyperparameters.batch)
        return self._arithmetic.place(next(self._batches), self._device)

    def _set_rate(self) -> None:
        rate = self._rate_policy.rate(self.iteration) * self._rate_scale
        for group in self._optimizer.param_groups:
            group["lr"] = rate
