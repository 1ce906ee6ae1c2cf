"""The session opener: from a claimed training to its painting, corpus, net and run."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from torch import Tensor

from infra import layout
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import JobSpec, TrainingConfig
from infra.jobs.domain.timing import DAY_SECONDS
from infra.jobs.domain.training_options import LOSS_NETWORKS
from infra.storage.port import ObjectMissing, ObjectStore
from trainer.compute.arithmetic import EXACT, Arithmetic
from trainer.data.corpus import Photos
from trainer.data.painting import Decode, PaintingRejected
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.publish.folder import StyleFolder
from trainer.publish.previews import PREVIEWS, fetch_previews
from trainer.schedule.guard import GuardRules
from trainer.schedule.learning_rate import Adaptive
from trainer.slices.session import TrainingSession
from trainer.slices.start import BackboneMissing, SharedNets, Start
from trainer.training.checkpoint import CheckpointStore
from trainer.training.context import GRAIN, HELD_OUT, RunConfig, TrainingContext
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, SPIKES, Backbone, QuickContext
from trainer.training.run import TrainingRun
from worker.fetch.photo import fetch_photo
from worker.net import NetConfig
from worker.net.netfile import read_card
from worker.pixels import PhotoRejected

#: Channels after the first convolution, by profile.
WIDTHS: Final = {"standard": 32, "light": 16}
#: Weight of total variation.
SMOOTHNESS: Final = 0.2
#: Content distance and ratio that a first stage has at most to serve others as their base.
BASE_CONTENT: Final = 0.5
NEW_BASE_RATIO: Final = 0.05


class SessionOpener:
    """Opens training sessions.

    `open_corpus` takes a tenant and a name, `load_network` a name.

    Paintings and previews come from strangers: `decode` must outlive whatever their files do.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        shared: SharedNets,
        open_corpus: Callable[[str, str], Photos],
        load_network: Callable[[str], LossNetwork],
        scratch: Path,
        decode: Decode,
        max_photo_bytes: int,
        widths: Mapping[str, int] = WIDTHS,
        rules: GuardRules = GuardRules(),  # noqa: B008 - immutable
        arithmetic: Arithmetic = EXACT,
    ) -> None:
        self._objects = objects
        self._shared = shared
        self._open_corpus = open_corpus
        self._load_network = load_network
        self._scratch = scratch
        self._decode = decode
        self._max_photo_bytes = max_photo_bytes
        self._widths = widths
        self._rules = rules
        self._arithmetic = arithmetic

    def open(self, claim: ClaimedTraining) -> TrainingSession:
        """Return a training where its newest whole checkpoint left it, else at its start.

        Raises an ImpastoError that says why this training can never go on, ServiceUnavailable
        when it cannot now.
        """
        spec, config = claim.spec, claim.config
        self._remove_leftovers()
        folder = self.folder(spec)
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # it is in use
        painting = self._fetch_painting(config, folder)
        base_key = layout.base(asdict(self._net(config)), config.loss_network)
        start = self._start(claim)
        base = self._objects.get(start.base) if start.base is not None else None
        context = self._context(spec, painting, start, base)
        if isinstance(context, QuickContext):
            base = context.stage_zero()
        run = TrainingRun(context, base=base, rules=self._rules)
        previews, notes = self._previews(config, context)
        checkpoints = CheckpointStore(
            objects=self._objects, prefix=layout.checkpoints_prefix(spec.tenant, spec.id)
        )
        if found := checkpoints.newest(run.config_digest):
            run.restore(found)
        else:
            run.note(notes)
        files = StyleFolder(folder / "style", context, previews)
        return TrainingSession(config, context, run, files, checkpoints, base_key, start.backbone)

    def folder(self, spec: JobSpec) -> Path:
        """Return where a training keeps its files on this machine; nothing there is needed."""
        return self._scratch / spec.id

    def _remove_leftovers(self) -> None:
        """Remove the folders of trainings that were cancelled, or that another machine ended."""
        old = time.time() - DAY_SECONDS
        for folder in self._scratch.glob("*"):
            with suppress(FileNotFoundError):  # another trainer of this machine removes it, too
                if folder.is_dir() and folder.stat().st_mtime < old:
                    shutil.rmtree(folder, ignore_errors=True)

    def keep_as_base(self, session: TrainingSession, data: bytes) -> None:
        """Let a first stage serve as the base of later styles, where it is good enough.

        Of photos that it was not trained on, as many as are ever held out: every tenant's styles
        will start from it.
        """
        card = session.run.card
        first = card.stages[0]
        if session.config.profile == "quick" or card.base_sha256 is not None:
            return
        measured = card.held_out_photos >= HELD_OUT
        if measured and first.ratio <= NEW_BASE_RATIO and first.held_out.content <= BASE_CONTENT:
            self._shared.put_base(session.base_key, data)

    def _fetch_painting(self, config: TrainingConfig, folder: Path) -> Path:
        try:
            data = fetch_photo(self._objects, config.painting.key, self._max_photo_bytes)
        except PhotoRejected as error:
            raise PaintingRejected(error.detail) from error
        if hashlib.sha256(data).hexdigest() != config.painting.sha256:
            raise PaintingRejected(f"{config.painting.key} has changed since the job was sent.")
        path = folder / "painting"
        path.write_bytes(data)
        return path

    def _start(self, claim: ClaimedTraining) -> Start:
        """Return which shared net to start from: decided once, for a base may come meanwhile.

        Of two decisions, one made by a trainer that had lost its lease, the higher token's counts.
        """
        tenant, job = claim.spec.tenant, claim.spec.id
        decided = [info.key for info in self._objects.list(layout.starts_prefix(tenant, job))]
        if decided:
            return Start(**json.loads(self._objects.get(decided[-1])))
        start = self._choose(claim)
        body = json.dumps(start.written()).encode()
        key = layout.start(tenant, job, claim.token)
        self._objects.put(key, body, content_type="application/json")
        return start

    def _choose(self, claim: ClaimedTraining) -> Start:
        spec, config = claim.spec, claim.config
        if config.profile == "quick":
            return Start(None, self._published_backbone())
        base = self._find_base(config)
        if base is None:
            return Start(None, None, GRAIN)
        key = layout.start_base(spec.tenant, spec.id, claim.token)
        self._objects.put(key, base)
        return Start(key, None)

    def _find_base(self, config: TrainingConfig) -> bytes | None:
        """Return a base of the shape; near the identity, loss networks hardly differ."""
        if config.base == "none" or not config.schedule.begins_near_identity:
            return None
        net, networks = asdict(self._net(config)), (config.loss_network, *LOSS_NETWORKS)
        found = (self._shared.get_base(layout.base(net, name)) for name in networks)
        return next((base for base in found if base is not None), None)

    def _published_backbone(self) -> str:
        """Return the SHA-256 of the backbone that the deployment has chosen.

        A bucket that 0.1.0 prepared names none: of several, the last by that hash.
        """
        if chosen := self._shared.chosen_backbone():
            return chosen
        keys = [info.key for info in self._objects.list(layout.BACKBONES_PREFIX)]
        if not keys:
            raise BackboneMissing(
                "The profile 'quick' needs a backbone, and none has been published here; use the "
                "profile 'light'."
            )
        return Path(keys[-1]).stem

    def _context(
        self, spec: JobSpec, painting: Path, start: Start, base: bytes | None
    ) -> TrainingContext:
        network = self._load_network(spec.training_config.loss_network)
        corpus = self._open_corpus(spec.tenant, spec.training_config.corpus)
        if start.backbone is None:
            grain = start.grain if base is None else read_card(base).config.grain
            net = replace(self._net(spec.training_config), grain=grain)
            config = _run_config(spec, painting, net)
            return TrainingContext(config, network, corpus, self._arithmetic, self._decode)
        backbone = self._backbone(start.backbone)
        config = _run_config(spec, painting, backbone.net.config)
        return QuickContext(config, network, backbone, corpus, self._arithmetic, self._decode)

    def _backbone(self, sha256: str) -> Backbone:
        try:
            return Backbone.read(self._shared.get_backbone(sha256))
        except ObjectMissing as error:
            raise BackboneMissing(
                f"The backbone {sha256[:12]}… that this training began with is gone."
            ) from error

    def _net(self, config: TrainingConfig) -> NetConfig:
        """Return the shape that a profile trains, without grain; a quick style has another's."""
        return NetConfig(self._widths.get(config.profile, self._widths["light"]))

    def _previews(
        self, config: TrainingConfig, context: TrainingContext
    ) -> tuple[dict[int, Tensor], list[str]]:
        if not config.previews:
            return dict(enumerate(context.held_out[:PREVIEWS])), []
        return fetch_previews(
            self._objects, config.previews, decode=self._decode, max_bytes=self._max_photo_bytes
        )


def _run_config(spec: JobSpec, painting: Path, net: NetConfig) -> RunConfig:
    config = spec.training_config
    hyperparameters = Hyperparameters(
        batch=config.batch, crop=config.crop, smoothness=SMOOTHNESS, seed=config.seed
    )
    if config.profile == "quick":
        hyperparameters = replace(
            hyperparameters,
            peak_rate=PEAK_RATE,
            later_rate=PEAK_RATE,
            floor_rate=FLOOR_RATE,
            spikes=SPIKES,
        )
    return RunConfig(
        name=config.style,
        title=config.title,
        licence=config.licence,
        painting=painting,
        photos=Path(config.corpus),
        schedule=config.schedule,
        net=net,
        hyperparameters=hyperparameters,
        painting_side=config.painting_side,
        code_version=version("impasto"),
        command=f"job {spec.id}",
        reproduce="",
        adaptive=Adaptive() if config.adaptive else None,
    )
