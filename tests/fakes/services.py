"""The API's services in memory, a style to name, and a worker that paints nothing."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from api.services import Services
from infra import layout
from infra.catalogue import Stage, Style, StyleCatalogue
from infra.catalogue.changes import StyleChanges
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import (
    JobSpec,
    PhotoEntry,
    PhotoOutcome,
    Problem,
    TrainingConfig,
    TrainingProgress,
)
from infra.jobs.service import connect_jobs
from infra.previews.model import PaintedFile, PreviewOutcome, PreviewSpec
from infra.previews.service import connect_previews
from infra.redis.client import RedisClient
from infra.redis.counters import Counters
from infra.settings import Settings
from tests.fakes.jobs import Clock, MemoryJobStore, RecordingNotifier
from tests.fakes.previews import MemoryPreviewQueue
from tests.fakes.storage import MemoryStore

STYLE = "water-lilies"
CARD = {
    "name": STYLE,
    "title": "Water Lilies",
    "licence": "CC0-1.0",
    "stages": [
        {"stage": 0, "ratio": 0.02, "iterations": 900, "seconds": 61.5, "held_out": None},
        {
            "stage": 1,
            "ratio": 15.0,
            "iterations": 600,
            "held_out": {"content": 0.4, "style": 0.04, "ssim": 0.6},
        },
    ],
    "interventions": [{"stage": 1, "iteration": 40, "reason": "the loss became nan"}],
    "refused": [{"stage": 2, "ratio": 50.0, "iterations": 9, "reason": "it is no stronger"}],
    "notes": ["The corpus is small."],
}
CORPUS = "coco"


class MemoryHashes:
    """The two commands of Redis that counters need."""

    def __init__(self) -> None:
        self._hashes: dict[str, dict[str, int]] = defaultdict(dict)

    def hincrby(self, name: str, key: str, amount: int) -> int:
        self._hashes[name][key] = self._hashes[name].get(key, 0) + amount
        return self._hashes[name][key]

    def hgetall(self, name: str) -> dict[str, str]:
        return {key: str(value) for key, value in self._hashes[name].items()}


@dataclass
class World:
    """Everything outside the API, in memory."""

    settings: Settings = field(default_factory=Settings)
    objects: MemoryStore = field(default_factory=MemoryStore)
    records: MemoryJobStore = field(default_factory=MemoryJobStore)
    notifier: RecordingNotifier = field(default_factory=RecordingNotifier)
    preview_queue: MemoryPreviewQueue = field(default_factory=MemoryPreviewQueue)
    clock: Clock = field(default_factory=Clock)
    probes: dict[str, Callable[[], None]] = field(default_factory=dict[str, Callable[[], None]])

    def __post_init__(self) -> None:
        self.jobs = connect_jobs(
            objects=self.objects,
            records=self.records,
            notifier=self.notifier,
            clock=self.clock,
            settings=self.settings,
        )
        self.previews = connect_previews(
            objects=self.objects,
            queue=self.preview_queue,
            notifier=self.notifier,
            clock=self.clock,
            settings=self.settings,
        )
        self.counters = Counters(client=cast("RedisClient", MemoryHashes()))
        publish(self.objects)
        add_corpus(self.objects)

    def services(self) -> Services:
        """Hand everything over, as the app wants it."""
        return Services(
            settings=self.settings,
            jobs=self.jobs,
            previews=self.previews.intake,
            styles=StyleCatalogue(self.objects),
            changes=StyleChanges(objects=self.objects, clock=self.clock),
            objects=self.objects,
            counters=self.counters,
            gauges={"jobs_open": lambda: len(self.records.open_jobs())},
            probes=self.probes,
        )

    def work(self, paint: Callable[[JobSpec, PhotoEntry], PhotoOutcome]) -> None:
        """Answer every message until nothing is left to do; `paint` is given the job too."""
        while self.notifier.messages:
            claim = self.jobs.chunks.claim(*self.notifier.messages.pop(0), "worker")
            if claim is not None:
                outcomes = [paint(claim.spec, photo) for photo in claim.photos]
                self.jobs.chunks.report(claim, outcomes)
                self.jobs.chunks.finish(claim)

    def preview(self, *, error: Problem | None = None) -> None:
        """Answer every message of a preview: paint nothing that could be seen, or fail."""
        while self.notifier.preview_messages:
            claim = self.previews.claims.claim(*self.notifier.preview_messages.pop(0))
            if claim is not None:
                self.previews.claims.finish(claim, self._previewed(claim.spec, error))

    def _previewed(self, spec: PreviewSpec, error: Problem | None) -> PreviewOutcome:
        if error is not None:
            return PreviewOutcome(finished=self.clock(), error=error)
        kept = PaintedFile(width=4, height=3, bytes=len(b"picture"))
        place = (spec.tenant, spec.id)
        if spec.sheet:
            self.objects.put(layout.preview_sheet(*place), b"picture")
            return PreviewOutcome(finished=self.clock(), sheet=kept)
        for number in range(len(spec.pictures)):
            self.objects.put(layout.preview_picture(*place, number), b"picture")
        return PreviewOutcome(finished=self.clock(), pictures=(kept,) * len(spec.pictures))

    def learn(self, *, until: int | None = None) -> None:
        """Answer every message for a trainer: train each stage, publish it; stop before `until`."""
        while self.notifier.training_messages:
            claim = self.jobs.trainings.claim(self.notifier.training_messages.pop(0)[0], "trainer")
            if claim is not None:
                self._learn(claim, until)

    def _learn(self, claim: ClaimedTraining, until: int | None) -> None:
        for stage in range(len(claim.published), len(claim.config.stages)):
            self.jobs.trainings.report(claim, progress(claim.config, stage, done=0.5))
            if stage == until:
                self.jobs.trainings.end_slice(claim, notify=False)
                return
            self._publish_stage(claim, stage)
            self.jobs.trainings.stage_published(claim, stage)
        self.jobs.trainings.finish(claim)

    def _publish_stage(self, claim: ClaimedTraining, stage: int) -> None:
        StyleCatalogue(self.objects).publish_stage(
            claim.spec.style_place,
            tenant=claim.spec.tenant,
            title=claim.config.title,
            job=claim.spec.id,
            stage=stage,
            ratio=claim.config.stages[stage][0],
            net=b"net %d" % stage,
            files={
                f"previews/stage-{stage}/0.jpg": b"preview",
                "card.json": json.dumps({"licence": claim.config.licence}).encode(),
                "contact-sheet.jpg": b"sheet",
                "losses.png": b"chart",
                "losses.svg": b"<svg/>",
                "history.jsonl": b"{}",
            },
        )

    def paint(self, spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        """Make a result that says which photo it was."""
        key = layout.result(spec.tenant, spec.id, f"{photo.index:064x}", "jpg")
        body = f"painted {photo.name}".encode()
        self.objects.put(key, body)
        return PhotoOutcome(
            index=photo.index,
            result=key,
            result_name=photo.name,
            width=4,
            height=3,
            bytes=len(body),
            seconds=0.5,
        )


def progress(config: TrainingConfig, stage: int, *, done: float) -> TrainingProgress:
    """Return how far a training is that has done a part of a stage."""
    before = sum(iterations for _, iterations in config.stages[:stage])
    return TrainingProgress(
        stage=stage,
        iteration=before + int(done * config.stages[stage][1]),
        iteration_total=config.iterations,
        images_per_second=8.0,
        content=0.5,
        style=0.25,
        note="went back to stage 0" if stage else None,
    )


def publish(objects: MemoryStore, name: str = STYLE) -> None:
    """Put a style of two stages into the bucket."""
    stages = tuple(
        Stage(stage=number, ratio=ratio, sha256=f"{number:064x}", key=f"nets/{number}")
        for number, ratio in enumerate((0.02, 15.0))
    )
    style = Style(
        name=name, title="Water Lilies", stages=stages, published=datetime(2026, 1, 1, tzinfo=UTC)
    )
    objects.put(layout.style_file(name, "card.json"), json.dumps({**CARD, "name": name}).encode())
    for file in ("contact-sheet.jpg", "losses.svg", "losses.png", "history.jsonl"):
        objects.put(layout.style_file(name, file), file.encode())
    for stage in stages:
        objects.put(layout.style_preview(name, stage.stage, 0), b"preview %d" % stage.stage)
    objects.put(layout.style_index(name), style.model_dump_json().encode())


def add_corpus(
    objects: MemoryStore, name: str = CORPUS, *, tenant: str = "default", photos: int = 300
) -> None:
    """Put a corpus into the bucket, its index last."""
    prefix = f"{layout.corpora_prefix(tenant)}{name}"
    objects.put(f"{prefix}/shards/00000.tar", b"photos")
    objects.put(f"{prefix}/shards/00001.tar", b"photos")
    index = {"name": name, "photos": photos, "shards": 2}
    objects.put(layout.corpus_index(tenant, name), json.dumps(index).encode())
