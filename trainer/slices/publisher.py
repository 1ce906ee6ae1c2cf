"""Publishing a stage: its net into the catalogue, its files beside it, its count to the job.

A stage is published before it is counted. Publishing again publishes the same.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from infra import layout
from infra.catalogue.style import PathStart
from infra.jobs.domain.model import JobSpec
from infra.storage.port import ObjectMissing, ObjectStore
from trainer.slices.opener import SessionOpener
from trainer.slices.session import TrainingSession
from trainer.slices.training_keeper import TrainingKeeper, TrainingService
from trainer.training.run import StageEnd


class Catalogue(Protocol):
    """The part of StyleCatalogue that publishes."""

    def publish_stage(
        self,
        name: str,
        *,
        title: str,
        job: str,
        stage: int,
        ratio: float,
        net: bytes,
        files: Mapping[str, bytes],
        backbone: str | None,
        tenant: str,
        path_from: PathStart,
        check: Callable[[], None],
    ) -> object:
        """Publish one more stage of a training's style; safe to repeat."""
        ...

    def write_files(self, name: str, files: Mapping[str, bytes], check: Callable[[], None]) -> None:
        """Write or replace files beside a style."""
        ...


class StagePublisher:
    """Publishes the stages of training sessions, under their leases."""

    def __init__(
        self,
        *,
        trainings: TrainingService,
        objects: ObjectStore,
        catalogue: Catalogue,
        opener: SessionOpener,
    ) -> None:
        self._trainings = trainings
        self._objects = objects
        self._catalogue = catalogue
        self._opener = opener

    def publish(self, session: TrainingSession, keeper: TrainingKeeper, end: StageEnd) -> None:
        """Write a stage's files and publish it; of a refused one, only what the card says of it."""
        self._fetch_stages(session, keeper, end.stage)
        session.files.write(session.run, end)
        data = end.data
        if data is None:
            self.write_files(session, keeper)
            return
        keeper.confirm()
        if end.stage == 0:
            keeper.persist(lambda: self._opener.keep_as_base(session, data))
        keeper.persist(lambda: self._publish_counted(session, keeper, end.stage, data))

    def _publish_counted(
        self, session: TrainingSession, keeper: TrainingKeeper, stage: int, data: bytes
    ) -> None:
        """Publish and count in one go: what can be used is told, also of a job being cancelled."""
        card, spec = session.run.card, keeper.claim.spec
        self._catalogue.publish_stage(
            spec.style_place,
            title=card.title,
            job=spec.id,
            stage=stage,
            ratio=card.stages[-1].ratio,
            net=data,
            files=style_files(session.files.path),
            backbone=session.backbone,
            tenant=spec.tenant,
            path_from=card.path_from,
            check=keeper.check,
        )
        self._trainings.stage_published(keeper.claim, stage)

    def write_files(self, session: TrainingSession, keeper: TrainingKeeper) -> None:
        """Write the card and the charts beside the stages; a style without any has no files."""
        card = session.run.card
        if card.stages:
            session.files.write_history(session.run.history, card)
            card.write(session.files.path)
            keeper.confirm()
            place = keeper.claim.spec.style_place
            keeper.persist(
                lambda: self._catalogue.write_files(
                    place, style_files(session.files.path), keeper.check
                )
            )

    def _fetch_stages(self, session: TrainingSession, keeper: TrainingKeeper, ended: int) -> None:
        """Bring the stages that another process has published, for the contact sheet.

        The stage that has just ended is here, or was refused and is none.
        """
        for stage in session.run.card.stages:
            path = session.files.path / stage.file
            if stage.stage == ended:
                continue
            if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == stage.sha256:
                continue
            path.write_bytes(
                keeper.persist(lambda sha=stage.sha256: self._net(keeper.claim.spec, sha))
            )

    def _net(self, spec: JobSpec, sha256: str) -> bytes:
        """Return the net of a published stage; 0.1.0 left the training out of its key."""
        try:
            return self._objects.get(layout.style_net(spec.style_place, sha256, spec.id))
        except ObjectMissing:
            return self._objects.get(layout.style_net(spec.style_place, sha256))


def style_files(folder: Path) -> dict[str, bytes]:
    """Return everything beside the nets of a style folder, the card last."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    shown = [path for path in paths if path.suffix in (".jpg", ".svg", ".png", ".jsonl", ".json")]
    ordered = sorted(shown, key=lambda path: path.name == "card.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in ordered}
