"""A trainer over a fake deployment: slices of real, tiny nets."""

import hashlib
import math
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from infra.catalogue import StyleCatalogue
from infra.catalogue.card import StyleCard
from infra.jobs.domain.model import JobDraft, Painting, TrainingConfig
from infra.jobs.views import JobView
from tests.fakes.service import TENANT, FakeDeployment
from trainer.data.corpus import PhotoFolder, Photos
from trainer.data.painting import Decode
from trainer.loss.network import LossNetwork, load_loss_network
from trainer.loss.weights import WeightsSource
from trainer.schedule.guard import GuardRules
from trainer.slices.opener import SessionOpener
from trainer.slices.worker import SliceWorker
from worker.pixels import PixelLimits, decode

LIMITS = PixelLimits(50.0)
FILE_BYTES = 1_000_000
LENIENT = GuardRules(lost=math.inf)
STAGES = ((0.2, 3), (1.0, 4))
LEASE = 20.0


class Trainer:
    """A trainer over a fake deployment; `steps` iterations of it are a slice."""

    def __init__(
        self,
        folder: Path,
        network: LossNetwork,
        painting: Path,
        photos: Path,
        rules: GuardRules = LENIENT,
    ) -> None:
        self.at = FakeDeployment(lease_seconds=LEASE)
        self.rules = rules
        self.stop = threading.Event()
        #: Seconds between two looks at the clock.
        self.tick = 1.0
        self.folder = folder
        self.decode: Decode = partial(decode, limits=LIMITS)
        self._network = network
        self._corpus = PhotoFolder(photos, side=64)
        self.at.objects.put("u/painting", painting.read_bytes())
        self.painting = Painting(
            key="u/painting", sha256=hashlib.sha256(painting.read_bytes()).hexdigest()
        )

    def submit(self, **config: object) -> str:
        chosen: dict[str, object] = {
            "style": "stripes",
            "title": "Stripes",
            "painting": self.painting,
            "loss_network": "squeezenet1_1",
            "stages": STAGES,
            "corpus": "c",
            "painting_side": 64,
            "batch": 1,
            "crop": 48,
            "base": "none",
            **config,
        }
        training = TrainingConfig.model_validate(chosen)
        job = self.at.jobs.submission.new_job_id()
        draft = JobDraft(
            id=job, tenant=TENANT, kind="train", style=training.style, training=training
        )
        self.at.jobs.submission.submit_training(draft)
        return job

    @property
    def catalogue(self) -> StyleCatalogue:
        return StyleCatalogue(self.at.objects)

    def open_corpus(self, _tenant: str, _name: str) -> Photos:
        return self._corpus

    def opener(self) -> SessionOpener:
        """Return what opens trainings, as a new process has it."""
        return SessionOpener(
            objects=self.at.objects,
            shared=self.catalogue,
            open_corpus=self.open_corpus,
            load_network=lambda name: (
                self._network
                if name == self._network.name
                else load_loss_network(name, WeightsSource(folder=None))
            ),
            scratch=self.folder,
            decode=self.decode,
            max_photo_bytes=FILE_BYTES,
            widths={"light": 2, "standard": 3},
            rules=self.rules,
        )

    def worker(self, steps: int = 10**6, heartbeat: float = 1000.0) -> SliceWorker:
        """A new process's worker, whose slices last so many looks at the clock."""
        ticks = iter(range(10**9))
        return SliceWorker(
            trainings=self.at.jobs.trainings,
            objects=self.at.objects,
            catalogue=self.catalogue,
            opener=self.opener(),
            stop=self.stop,
            slice_seconds=steps,
            checkpoint_seconds=4,
            lease_seconds=10**6,
            heartbeat_seconds=heartbeat,
            albums_wait=lambda: self.at.jobs.notifier.backlog("stylize") > 0,
            clock=lambda: next(ticks) * self.tick,
        )

    def view(self, job: str) -> JobView:
        return self.at.jobs.queries.get(job, TENANT)

    def recover(self) -> None:
        """Sweep as after a trainer was killed."""
        self.at.fuse.clear()
        self.at.clock.advance(LEASE + 1)
        self.at.jobs.sweep.run()

    def finish(self, job: str, steps: int = 10**6) -> JobView:
        for _ in range(100):
            if self.view(job).state.terminal:
                break
            self.worker(steps).work(job, "t")
        return self.view(job)

    def card(self, name: str = "stripes") -> StyleCard:
        return StyleCard.model_validate_json(self.catalogue.file(name, "card.json"))

    def nets(self) -> list[str]:
        return [stage.sha256 for stage in self.catalogue.get("stripes").stages]


MakeTrainer = Callable[..., Trainer]
