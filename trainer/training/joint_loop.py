"""The training loop of one stage of a joint training: each crop of a batch has its own painting."""

from collections.abc import Generator, Mapping

import torch
from torch import Tensor

from trainer.loss.distances import StyleTarget
from trainer.loss.objective import JointObjective, StepLoss
from trainer.schedule.learning_rate import learning_rate
from trainer.training.context import TrainingContext
from trainer.training.joint import JointNets, draw_paintings
from trainer.training.loop import MOMENTS

#: Norms move further than convolutions do, and have fewer turns: how much higher their learning
#: rate is. With four times the convolutions' they lagged behind what norms alone learned.
NORMS_FASTER = 14.0


class JointTrainer:
    """Trains nets that share their convolutions through one stage; `step` until `done`.

    `rate_scale` makes every step of the stage smaller.
    """

    def __init__(
        self,
        *,
        context: TrainingContext,
        nets: JointNets,
        targets: Mapping[str, StyleTarget],
        stage: int,
        rate_scale: float = 1.0,
    ) -> None:
        config = context.config
        self._context = context
        self._nets = nets
        self._targets = targets
        self._stage = stage
        self._iterations = config.schedule.stages[stage].iterations
        self._hyperparameters = config.hyperparameters
        self._rate_scale = rate_scale
        before = sum(plan.iterations for plan in config.schedule.stages[:stage])
        self._first_photo = before * config.hyperparameters.batch
        self._objective = JointObjective(
            context.loss_network,
            config.hyperparameters,
            ratio=config.schedule.stages[stage].ratio,
            lowest_ratio=config.schedule.stages[0].ratio,
            grain=config.net.grain,
        )
        self._weights = nets.weights()
        self._optimizer = torch.optim.Adam(
            [
                {"params": list(nets.convolutions().values()), "faster": 1.0},
                {"params": list(nets.norms().values()), "faster": NORMS_FASTER},
            ],
            lr=config.hyperparameters.peak_rate,
            fused=True,
        )
        self._batches: Generator[Tensor] | None = None
        self.iteration = 0

    @property
    def done(self) -> bool:
        """Whether the stage has had all its iterations."""
        return self.iteration >= self._iterations

    def step(self) -> StepLoss:
        """Train on one batch; return its mean distances before the step."""
        batch = self._hyperparameters.batch
        position = self._first_photo + self.iteration * batch
        who = draw_paintings(
            self._nets.paintings, first=position, batch=batch, seed=self._hyperparameters.seed
        )
        photo = self._next_batch(position)  # (B, 3, S, S), 0..1
        painters = [self._nets.net(painting).train() for painting in who]
        self._set_rate()
        loss, seen = self._objective(painters, [self._targets[p] for p in who], photo, position)
        # Norms whose turn it is not have no gradient, and Adam leaves them alone.
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self.iteration += 1
        return seen

    def state(self) -> dict[str, Tensor]:
        """Return what is learned so far: each weight, and Adam's moments and steps of it.

        The tensors are the trainer's own: the next step changes them.
        """
        state = {f"net.{name}": weight.detach() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            if moments := self._optimizer.state.get(weight):
                state |= {f"{kind}.{name}": moments[kind] for kind in (*MOMENTS, "step")}
        return state

    def restore(self, state: Mapping[str, Tensor], iteration: int) -> None:
        """Continue behind `iteration` from what `state` returned then, bit for bit.

        Raises KeyError where `state` lacks a weight.
        """
        self.iteration = iteration
        self._nets.load({name: state[f"net.{name}"] for name in self._weights})
        for name, weight in self._weights.items():
            if f"step.{name}" in state:
                self._optimizer.state[weight] = {
                    kind: state[f"{kind}.{name}"].clone() for kind in (*MOMENTS, "step")
                }

    def close(self) -> None:
        """End the threads that decode ahead; the trainer can still go on."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def _next_batch(self, position: int) -> Tensor:
        if self._batches is None:
            batch = self._hyperparameters.batch
            self._batches = self._context.sampler.batches(position, batch)
        return next(self._batches)

    def _set_rate(self) -> None:
        hyperparameters = self._hyperparameters
        rate = learning_rate(
            self.iteration,
            self._iterations,
            peak=hyperparameters.peak(self._stage),
            floor=hyperparameters.floor_rate,
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate * self._rate_scale * group["faster"]
