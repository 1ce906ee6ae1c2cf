"""One training as a state machine over (stage, iteration): step, end a stage, or go back.

Whoever drives it decides when to stop, where a state is kept and where stages are published.
It depends on context and state alone, so that one restored from a checkpoint goes on bit for bit.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch

from infra.catalogue.card import (
    FirstIterations,
    Intervention,
    Losses,
    RefusedStage,
    StageCard,
    StyleCard,
    stage_file,
)
from trainer.card import FIRST_ITERATIONS, config_digest, weights_sha256
from trainer.data.corpus import CorpusChanged
from trainer.loss.objective import StepLoss
from trainer.schedule.gate import refusal
from trainer.schedule.guard import GuardRules, TrainingDiverged, stage_alarm, step_alarm
from trainer.training.checkpoint import Checkpoint
from trainer.training.context import TrainingContext
from trainer.training.history import pack_history, unpack_history
from trainer.training.loop import StageTrainer
from worker.net import TransformNet
from worker.net.netfile import NetFileRejected


@dataclass(frozen=True, slots=True)
class StageEnd:
    """A stage that has trained to its end; `data` is its file, None where it was refused."""

    stage: int
    data: bytes | None


class TrainingRun:
    """The training of a context's config. `base` is the file of a net that serves as stage 0.

    Until it is `done`: `end_stage` while `stage_ready`, else `step`.
    """

    def __init__(
        self,
        context: TrainingContext,
        *,
        base: bytes | None = None,
        rules: GuardRules = GuardRules(),  # noqa: B008 - immutable
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._base = base
        self._rules = rules
        self._clock = clock
        self._card: StyleCard | None = None
        self._blank = _blank_card(context, base)
        self.config_digest = config_digest(self._blank)
        #: Losses of every stage so far by iteration, the running one's last.
        self.history: list[list[StepLoss]] = [[]]
        self.tick = 0
        self._rate_scale = 1.0
        self._attempts = 0
        self._trainer: StageTrainer | None = None
        self._enter(0, b"")

    @property
    def card(self) -> StyleCard:
        """The style's card as it stands."""
        if self._card is None:
            # Only now: a run that is restored has measured the photos long ago.
            measured = {"photos_before_training": self._context.photos_themselves}
            self._card = self._blank.model_copy(update=measured)
        return self._card

    @property
    def done(self) -> bool:
        """Whether every stage has been decided."""
        return self.stage >= len(self._context.config.schedule.stages)

    @property
    def stage_ready(self) -> bool:
        """Whether the stage has trained to its end and waits for `end_stage`."""
        return self._trainer is None or self._trainer.done

    @property
    def iteration(self) -> int:
        """Iterations of the running stage that are done."""
        return len(self.history[-1])

    @property
    def _ratio(self) -> float:
        return self._context.config.schedule.stages[self.stage].ratio

    def step(self) -> StepLoss:
        """Train one iteration; the guard may take the stage back to its start.

        Raises TrainingDiverged when the guard has done so too often.
        """
        assert self._trainer is not None
        begun = self._clock()
        loss = self._trainer.step()
        self._seconds += self._clock() - begun
        self.tick += 1
        self.history[-1].append(loss)
        if self.iteration == FIRST_ITERATIONS:
            self._first_weights = weights_sha256(self._net)
        recent = self.history[-1][-self._rules.window - self._rules.sustained :]
        if alarm := step_alarm([loss.total(self._ratio) for loss in recent], self._rules):
            self._go_back(alarm)
        return loss

    def end_stage(self) -> StageEnd | None:
        """Measure the stage on held-out photos and decide; None when the guard went back.

        Raises TrainingDiverged when the guard has done so too often, or no stage was published.
        """
        try:
            data = self._file()
            net = self._context.unpack(data)
        except NetFileRejected as error:
            return self._go_back(f"the weights went out of range ({error.detail})")
        held_out = Losses(**asdict(self._context.measure(net)))
        before = self.card.stages[-1].held_out if self.card.stages else None
        if alarm := stage_alarm(before, held_out, self._ratio, self._rules):
            return self._go_back(alarm)
        if reason := refusal(before, held_out, self._rules):
            return self._refuse(held_out, reason)
        return self._accept(data, held_out)

    def state(self) -> Checkpoint:
        """Return everything that it takes to go on from here in another process."""
        tensors = {"history": pack_history(self.history)}
        if self._start:
            tensors["start"] = torch.frombuffer(bytearray(self._start), dtype=torch.uint8)
        if self._trainer is not None:
            tensors |= self._trainer.state()
        facts = {
            "card": self.card.model_dump(mode="json"),
            "lengths": [len(stage) for stage in self.history],
            "rate_scale": self._rate_scale,
            "attempts": self._attempts,
            "first_weights": self._first_weights,
            "seconds": self._seconds,
        }
        return Checkpoint(self.config_digest, self.tick, self.stage, self.iteration, tensors, facts)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint of the same config was taken; raises CorpusChanged."""
        facts = checkpoint.facts
        card = StyleCard.model_validate(facts["card"])
        self._check_corpus(card)
        start = checkpoint.tensors.get("start")
        history = unpack_history(checkpoint.tensors["history"], facts["lengths"])
        self._rate_scale, self._attempts = facts["rate_scale"], facts["attempts"]
        self._card, self.tick = card, checkpoint.tick
        self.history = [*history[:-1], []]
        self._enter(checkpoint.stage, b"" if start is None else start.numpy().tobytes())
        if self._trainer is not None:
            self._trainer.restore(checkpoint.tensors, history[-1])
        self.history[-1] = history[-1]
        self._first_weights, self._seconds = facts["first_weights"], facts["seconds"]

    def adopt(self, card: StyleCard, start: bytes, history: Sequence[list[StepLoss]]) -> None:
        """Go on behind the stages on a card; `start` is the file of its last published one."""
        self._card = card
        if card.interventions:
            self._rate_scale = card.interventions[-1].rate_scale
        self.history = [*history, []]
        self._enter(len(card.stages) + len(card.refused), start)

    def note(self, notes: Sequence[str]) -> None:
        """Add to what the card says of the training."""
        self._add("notes", notes)

    def close(self) -> None:
        """End the threads that decode ahead."""
        if self._trainer is not None:
            self._trainer.close()

    def _add(self, part: str, entries: Sequence[object]) -> None:
        """Add to one of the card's lists."""
        self._card = self.card.model_copy(update={part: [*getattr(self.card, part), *entries]})

    def _enter(self, stage: int, start: bytes) -> None:
        """Begin a stage from the file of a net, or of the untrained one."""
        self.close()
        self.stage = stage
        self._start = start
        self._first_weights: str | None = None
        self._seconds = 0.0
        self._trainer = None
        if self.done or (stage == 0 and self._base is not None):
            return
        self._net: TransformNet = (
            self._context.unpack(start) if start else self._context.first_net()
        )
        self._trainer = self._context.stage_trainer(stage, self._net, rate_scale=self._rate_scale)

    def _file(self) -> bytes:
        if self._trainer is None:
            assert self._base is not None
            return self._base
        return self._context.pack(self._net, self.stage)

    def _accept(self, data: bytes, held_out: Losses) -> StageEnd:
        done = StageCard(
            stage=self.stage,
            ratio=self._ratio,
            iterations=self.iteration,
            file=stage_file(self.stage),
            sha256=hashlib.sha256(data).hexdigest(),
            seconds=round(self._seconds, 1),
            held_out=held_out,
            first=self._first(data),
            rate_scale=self._rate_scale,
        )
        self._add("stages", [done])
        return self._leave(data, data)

    def _first(self, data: bytes) -> FirstIterations:
        """Return the stage's first steps; a stage of fewer, or of none, has fewer."""
        losses = [(loss.content, loss.style) for loss in self.history[-1][:FIRST_ITERATIONS]]
        net = self._context.unpack(data) if self._trainer is None else self._net
        return FirstIterations(
            losses=losses,
            weights_sha256=self._first_weights or weights_sha256(net),
            machine=self._context.machine,
        )

    def _refuse(self, held_out: Losses, reason: str) -> StageEnd:
        refused = RefusedStage(
            stage=self.stage,
            ratio=self._ratio,
            iterations=self.iteration,
            held_out=held_out,
            reason=reason,
        )
        self._add("refused", [refused])
        # From a refused base the next stage goes on all the same: nothing better is there.
        end = self._leave(None, self._start if self._trainer else self._base or b"")
        if self.done and not self.card.stages:
            raise TrainingDiverged(f"No stage could be published; of the last one, {reason}.")
        return end

    def _leave(self, data: bytes | None, start: bytes) -> StageEnd:
        end = StageEnd(self.stage, data)
        self.tick += 1
        self._attempts = 0
        self.history.append([])
        self._enter(self.stage + 1, start)
        return end

    def _go_back(self, reason: str) -> None:
        """Return to the net that the stage started from, with smaller steps."""
        if self._attempts >= self._rules.attempts:
            self._give_up(reason)
        self._attempts += 1
        self._rate_scale *= self._rules.slower
        what = Intervention(
            stage=self.stage,
            ratio=self._ratio,
            iteration=self.iteration,
            reason=reason,
            rate_scale=self._rate_scale,
        )
        self._add("interventions", [what])
        self.tick += 1
        self.history[-1] = []
        self._enter(self.stage, self._start)

    def _give_up(self, reason: str) -> None:
        where = f"stage {self.stage} (ratio {self._ratio:g}), after {self._attempts} smaller steps"
        note = f"The training was ended in {where}: {reason}."
        self.note([note])
        raise TrainingDiverged(
            f"{note} {len(self.card.stages)} stages were published before and stay; a lower ratio "
            "or a longer schedule may help."
        )

    def _check_corpus(self, card: StyleCard) -> None:
        if card.training.corpus_sha256 != self._blank.training.corpus_sha256:
            raise CorpusChanged(
                "The photos of the corpus are not those that this training began with: train "
                "again, under another name where stages were published."
            )


def _blank_card(context: TrainingContext, base: bytes | None) -> StyleCard:
    card = context.blank_card(Losses(content=0.0, style=0.0, ssim=1.0, lost=0.0))
    if base is None:
        return card
    context.unpack(base)  # raises here, and not at the end of the first stage
    return card.model_copy(update={"base_sha256": hashlib.sha256(base).hexdigest()})
