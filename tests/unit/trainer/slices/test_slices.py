"""Slices of a training: whatever happens to a trainer, the style ends in the same nets."""

import errno
import hashlib
import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from infra import layout
from infra.catalogue import StyleCatalogue
from infra.jobs.domain.model import JobDraft, JobState, Painting, TrainingConfig
from infra.jobs.domain.timing import DAY_SECONDS
from infra.jobs.views import JobView
from tests.fakes.jobs import Killed
from tests.fakes.mortal_decoder import KILL
from tests.fakes.service import TENANT, FakeDeployment
from tests.photos import encoded, scene
from trainer.card import StyleCard
from trainer.data.corpus import PhotoFolder, Photos
from trainer.data.painting import Decode
from trainer.data.shards import ShardCache, ShardCorpus
from trainer.loss.network import LossNetwork, load_loss_network
from trainer.loss.weights import WeightsSource
from trainer.schedule.guard import GuardRules
from trainer.slices.opener import SessionOpener
from trainer.slices.worker import SliceWorker
from trainer.training.quick import PEAK_RATE
from worker.net import NetConfig, TransformNet
from worker.net.affine import unpack_affine
from worker.net.netfile import NetCard, pack
from worker.pixels import PixelLimits, decode
from worker.pixels.decoder import PhotoDecoder

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
        """What the sweeper does after a trainer was killed."""
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


@pytest.fixture
def make(tmp_path: Path, loss_network: LossNetwork, painting: Path, photos: Path) -> MakeTrainer:
    torch.set_num_threads(1)
    made = iter(range(100))

    def trainer(rules: GuardRules = LENIENT, other_painting: Path | None = None) -> Trainer:
        folder = tmp_path / str(next(made))
        return Trainer(folder, loss_network, other_painting or painting, photos, rules)

    return trainer


@pytest.fixture(scope="module")
def mortal() -> Iterator[PhotoDecoder]:
    """A decoder that can be told to die."""
    program = "tests.fakes.mortal_decoder"
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, program=program) as decoder:
        yield decoder


def test_a_training_becomes_a_style_with_all_that_belongs_to_it(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    view = trainer.finish(job)
    assert (view.state, view.done, view.published) == (JobState.SUCCEEDED, 2, (0, 1))
    assert view.training is not None
    assert (view.training.stage, view.training.iteration) == (2, 7)
    card = trainer.card()
    assert [stage.sha256 for stage in card.stages] == trainer.nets()
    assert card.notes
    assert "only 8 photos" in card.notes[0]
    files = {key.removeprefix("styles/stripes/") for key in trainer.at.objects.objects}
    assert {"contact-sheet.jpg", "losses.svg", "losses.png", "history.jsonl"} <= files
    assert {f"previews/stage-{stage}/{n}.jpg" for stage in (0, 1) for n in (0, 1)} <= files
    lines = trainer.catalogue.file("stripes", "history.jsonl").splitlines()
    assert [json.loads(line)["stage"] for line in lines] == [0] * 3 + [1] * 4


@pytest.mark.parametrize("steps", [1, 3])
def test_short_slices_end_in_the_same_nets(make: MakeTrainer, steps: int) -> None:
    whole, sliced = make(), make()
    whole.finish(whole.submit())
    view = sliced.finish(sliced.submit(), steps)
    assert view.state is JobState.SUCCEEDED
    assert sliced.nets() == whole.nets()


def test_a_slice_that_ends_sends_the_message_of_the_next(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    trainer.at.notifier.training_messages.clear()
    trainer.worker(steps=3).work(job, "t")
    assert trainer.at.notifier.training_messages == [(job, 0)]
    assert trainer.view(job).state is JobState.RUNNING


def test_the_first_stage_can_be_used_while_the_second_trains(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit(stages=((0.2, 2), (1.0, 40)))
    trainer.worker(steps=12).work(job, "t")
    view = trainer.view(job)
    assert (view.state, view.published) == (JobState.RUNNING, (0,))
    assert len(trainer.catalogue.resolve("stripes", 1.0)) == 1


def test_a_stage_that_is_refused_on_another_machine_is_noted_and_no_more(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stages before it are fetched for the contact sheet, which shows them as it did."""
    monkeypatch.setattr(
        "trainer.training.run.refusal", lambda before, _after: "no better" if before else ""
    )
    trainer = make()
    job = trainer.submit(stages=((0.2, 2), (1.0, 40)))
    trainer.worker(steps=12).work(job, "t")
    assert trainer.view(job).published == (0,)
    shutil.rmtree(trainer.folder)
    view = trainer.finish(job)
    assert (view.state, view.published, view.error) == (JobState.SUCCEEDED, (0,), None)
    assert [refused.reason for refused in trainer.card().refused] == ["no better"]


def effects_of_a_training(make: MakeTrainer) -> int:
    """Return how many effects a whole training has on Redis, S3 and the broker."""
    trainer = make()
    job = trainer.submit()
    count = 0

    def next_effect() -> None:
        nonlocal count
        count += 1
        trainer.at.fuse.set(0, next_effect)

    trainer.at.fuse.set(0, next_effect)
    trainer.worker().work(job, "t")
    return count


@pytest.mark.timeout(900)
def test_a_trainer_killed_before_any_effect_changes_nothing(make: MakeTrainer) -> None:
    """Eight places spread over all effects: each kill, one recovery, the same nets."""
    whole = make()
    whole.finish(whole.submit())
    effects = effects_of_a_training(make)
    assert effects > 40
    for effect in range(1, effects, max(1, effects // 8)):
        trainer = make()
        job = trainer.submit()
        trainer.at.fuse.set(effect)
        with pytest.raises(Killed):
            trainer.worker().work(job, "t")
        trainer.recover()
        view = trainer.finish(job)
        assert (view.state, view.published) == (JobState.SUCCEEDED, (0, 1)), effect
        assert trainer.nets() == whole.nets(), effect


@pytest.mark.parametrize("writes", [1, 2, 4, 8])
def test_a_full_disk_is_waited_out(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """The painting, a stage's net and its pictures: nothing has to be there in the end."""
    whole, trainer = make(), make()
    whole.finish(whole.submit())
    job = trainer.submit()
    write, written = Path.write_bytes, iter(range(1, 1000))

    def until_full(path: Path, data: bytes) -> int:
        if next(written) >= writes:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", until_full)
        trainer.worker().work(job, "t")
        view = trainer.view(job)
        assert view.state is JobState.RUNNING
        assert writes == 1 or (view.training and "disk is full" in str(view.training.note))
    view = trainer.finish(job)
    assert view.state is JobState.SUCCEEDED
    assert view.training is not None
    assert view.training.note is None
    assert trainer.nets() == whole.nets()


def test_a_truncated_newest_checkpoint_costs_only_iterations(make: MakeTrainer) -> None:
    whole, trainer = make(), make()
    whole.finish(whole.submit())
    job = trainer.submit()
    trainer.worker(steps=6).work(job, "t")
    prefix = layout.checkpoints_prefix(TENANT, job)
    newest = [info.key for info in trainer.at.objects.list(prefix)][-1]
    trainer.at.objects.objects[newest] = trainer.at.objects.objects[newest][:1000]
    trainer.finish(job)
    assert trainer.nets() == whole.nets()


def test_a_trainer_that_lost_its_lease_writes_nothing_more(make: MakeTrainer) -> None:
    """Another has taken over while this one was away: its next write must not happen."""
    trainer = make()
    job = trainer.submit()
    taken: list[object] = []

    def take_over() -> None:
        trainer.at.clock.advance(LEASE + 1)
        trainer.at.jobs.sweep.run()
        taken.append(trainer.at.jobs.trainings.claim(job, "other"))

    opened = trainer.open_corpus

    def open_slowly(tenant: str, name: str) -> Photos:
        take_over()
        return opened(tenant, name)

    trainer.open_corpus = open_slowly  # type: ignore[method-assign]
    worker = trainer.worker()
    worker.work(job, "t")
    assert taken[0] is not None
    record = trainer.at.records.load(job)
    assert record is not None
    assert record.active[0].strikes == {}, "it lives, so the training did not take it down"
    assert not list(trainer.at.objects.list(layout.checkpoints_prefix(TENANT, job)))
    assert "stripes" not in trainer.catalogue.names()


def test_a_cancelled_training_stops(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    trainer.worker(steps=3).work(job, "t")
    trainer.at.jobs.cancellation.cancel(job, TENANT)
    trainer.worker().work(job, "t")
    assert trainer.view(job).state is JobState.CANCELLED


@pytest.mark.parametrize(("written", "published"), [("previews/", ()), ("style.json", (0,))])
def test_a_cancel_during_publication_tells_what_can_be_used(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch, written: str, published: tuple[int, ...]
) -> None:
    """The heart hears of it in the middle; the job ends only once nothing is written any more."""
    trainer = make()
    job = trainer.submit()
    put, asked = trainer.at.objects.put, list[JobState]()

    def watched(key: str, body: bytes, **options: str | None) -> None:
        put(key, body, **options)
        if key.startswith(f"styles/stripes/{written}") and not asked:
            asked.append(trainer.at.jobs.cancellation.cancel(job, TENANT).state)
            time.sleep(0.1)
            assert trainer.view(job).state is JobState.CANCELLING

    monkeypatch.setattr(trainer.at.objects, "put", watched)
    trainer.worker(heartbeat=0.01).work(job, "t")
    assert asked == [JobState.CANCELLING]
    view = trainer.view(job)
    assert (view.state, view.published) == (JobState.CANCELLED, published)
    assert trainer.catalogue.names() == ["stripes"] * len(published)


@pytest.mark.parametrize("steps", [30, 10**6])
def test_a_training_makes_way_for_albums_without_a_message(make: MakeTrainer, steps: int) -> None:
    """Also where a slice is no longer than what a training has at least."""
    trainer = make()
    job = trainer.submit(stages=((0.2, 100), (1.0, 100)))
    trainer.at.notifier.training_messages.clear()
    trainer.at.notifier.messages.append(("album", 0))
    trainer.worker(steps, heartbeat=0.001).work(job, "t")
    view = trainer.view(job)
    assert view.state is JobState.RUNNING
    assert view.training is not None
    assert view.training.iteration < 100
    assert trainer.at.notifier.training_messages == []


def test_a_process_that_is_to_end_gives_its_training_back(make: MakeTrainer) -> None:
    trainer = make()
    job = trainer.submit()
    worker = trainer.worker()
    trainer.stop.set()
    worker.work(job, "t")
    assert trainer.view(job).state is JobState.QUEUED


def test_a_painting_of_20_pixels_is_a_clear_error(make: MakeTrainer, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.new("RGB", (20, 300)).save(small)
    trainer = make(other_painting=small)
    view = trainer.finish(trainer.submit())
    assert view.state is JobState.FAILED
    assert view.error is not None
    assert view.error.type == "painting-too-small"
    assert "20×300" in view.error.detail
    assert trainer.catalogue.names() == []


def test_a_painting_that_is_none_is_a_clear_error(make: MakeTrainer, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    trainer = make(other_painting=text)
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"


def test_a_painting_that_kills_its_decoder_fails_the_training_and_nothing_else(
    make: MakeTrainer, mortal: PhotoDecoder, tmp_path: Path
) -> None:
    killer = tmp_path / "killer.png"
    killer.write_bytes(KILL)
    trainer = make(other_painting=killer)
    trainer.decode = mortal.decode
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"
    assert "ended its process" in view.error.detail


def test_a_painting_of_too_many_bytes_is_a_clear_error(make: MakeTrainer, tmp_path: Path) -> None:
    """It may have grown since it was sent; then it is not even fetched."""
    large = tmp_path / "large.png"
    large.write_bytes(bytes(FILE_BYTES + 1))
    trainer = make(other_painting=large)
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"
    assert "1,000,001 bytes" in view.error.detail


def test_a_painting_that_is_not_handed_out_is_a_clear_error(make: MakeTrainer) -> None:
    trainer = make()
    trainer.at.objects.refused.add(trainer.painting.key)
    view = trainer.finish(trainer.submit())
    assert view.error is not None
    assert view.error.type == "painting-rejected"
    assert trainer.painting.key in view.error.detail


def test_a_preview_photo_that_is_not_handed_out_is_left_out(make: MakeTrainer) -> None:
    trainer = make()
    trainer.at.objects.refused.add("u/me.jpg")
    view = trainer.finish(trainer.submit(previews=["u/me.jpg", trainer.painting.key]))
    assert view.state is JobState.SUCCEEDED
    assert any("me.jpg was left out" in note for note in trainer.card().notes)
    previews = [key for key in trainer.at.objects.objects if "/previews/stage-" in key]
    assert {key.rpartition("/")[2] for key in previews} == {"1.jpg"}, "its place among the keys"


def test_a_preview_photo_that_goes_meanwhile_leaves_the_others_their_numbers(
    make: MakeTrainer,
) -> None:
    trainer = make()
    trainer.at.objects.put("u/me.png", encoded(scene(90, 80), "PNG"))
    job = trainer.submit(previews=["u/me.png", trainer.painting.key])
    while 0 not in trainer.view(job).published:
        trainer.worker(steps=2).work(job, "t")
    trainer.at.objects.delete("u/me.png")
    trainer.finish(job)
    last = {key for key in trainer.at.objects.objects if "/previews/stage-1/" in key}
    assert {key.rpartition("/")[2] for key in last} == {"1.jpg"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (KILL, "ended its process"),
        (encoded(scene(9, 900), "PNG"), "9×900"),
        (bytes(FILE_BYTES + 1), "1,000,001 bytes"),
    ],
    ids=["killer", "strip", "large"],
)
def test_a_preview_photo_beyond_the_limits_is_left_out(
    make: MakeTrainer, mortal: PhotoDecoder, data: bytes, reason: str
) -> None:
    trainer = make()
    trainer.decode = mortal.decode
    trainer.at.objects.put("u/me.jpg", data)
    view = trainer.finish(trainer.submit(previews=["u/me.jpg", trainer.painting.key]))
    assert view.state is JobState.SUCCEEDED
    (note,) = (note for note in trainer.card().notes if "me.jpg was left out" in note)
    assert reason in note


def test_missing_weights_fail_the_training_by_name(
    make: MakeTrainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    trainer = make()
    view = trainer.finish(trainer.submit(loss_network="vgg19"))
    assert view.error is not None
    assert view.error.type == "loss-weights-missing"
    assert "IMPASTO_LOSS_WEIGHTS" in view.error.detail


def test_a_corpus_that_is_not_there_fails_the_training_by_name(
    make: MakeTrainer, tmp_path: Path
) -> None:
    trainer = make()
    cache = ShardCache(objects=trainer.at.objects, folder=tmp_path / "shards", limit_bytes=1)

    def open_shards(tenant: str, name: str) -> Photos:
        return ShardCorpus(objects=trainer.at.objects, tenant=tenant, name=name, cache=cache)

    trainer.open_corpus = open_shards  # type: ignore[method-assign]
    view = trainer.finish(trainer.submit(corpus="coco"))
    assert view.error is not None
    assert view.error.type == "corpus-missing"
    assert "impasto corpus add coco" in view.error.detail


def test_a_training_that_diverges_keeps_what_is_published(make: MakeTrainer) -> None:
    """The guard acts, gives up, and says so on the card of the stages that stay."""
    trainer = make(rules=GuardRules(lost=-1, learned=math.inf, attempts=1))
    view = trainer.finish(trainer.submit(stages=((0.2, 2), (1e9, 2))))
    assert view.state is JobState.FAILED
    assert view.error is not None
    assert view.error.type == "training-diverged"
    assert (view.done, view.published) == (1, (0,))
    assert len(trainer.nets()) == 1
    card = trainer.card()
    assert [step.rate_scale for step in card.interventions] == [0.5]
    assert "ended in stage 1 (ratio 1e+09)" in card.notes[-1]


def test_a_base_of_the_deployment_is_stage_0_as_it_is(make: MakeTrainer) -> None:
    trainer = make()
    torch.manual_seed(3)
    base = pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02))
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_1"), base)
    view = trainer.finish(trainer.submit(stages=((0.1, 50), (1.0, 3)), base="auto"), steps=2)
    assert view.state is JobState.SUCCEEDED
    assert trainer.nets()[0] == hashlib.sha256(base).hexdigest()
    assert trainer.card().base_sha256 == trainer.nets()[0]
    assert trainer.card().stages[0].iterations == 0


def test_a_base_that_comes_later_does_not_change_a_running_training(make: MakeTrainer) -> None:
    trainer, whole = make(), make()
    config: dict[str, object] = {"stages": ((0.1, 3), (1.0, 3)), "base": "auto"}
    whole.finish(whole.submit(**config))
    job = trainer.submit(**config)
    trainer.worker(steps=2).work(job, "t")
    base = pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02))
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_1"), base)
    trainer.finish(job)
    assert trainer.nets() == whole.nets()


def test_a_base_that_is_replaced_does_not_change_a_running_training(make: MakeTrainer) -> None:
    """As by a training that found none when it looked, and writes its own late."""
    trainer, whole = make(), make()
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    key = layout.base(shape, "squeezenet1_1")
    bases = [
        pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02)) for _ in range(2)
    ]
    config: dict[str, object] = {"stages": ((0.1, 50), (1.0, 6)), "base": "auto"}
    for each in (trainer, whole):
        each.at.objects.put(key, bases[0])
    whole.finish(whole.submit(**config))
    job = trainer.submit(**config)
    trainer.worker(steps=6).work(job, "t")
    trainer.at.objects.put(key, bases[1])
    trainer.finish(job)
    assert trainer.nets() == whole.nets()


def test_who_lost_the_training_does_not_decide_what_it_starts_from(make: MakeTrainer) -> None:
    """A trainer saw no base, and is stopped until after its successor has begun over one."""
    trainer = make()
    shape = {"width": 2, "residual_blocks": 5, "upsample": "resize"}
    base = pack(TransformNet(NetConfig(2)), NetCard(NetConfig(2), "base", 0, 0.02))
    job = trainer.submit(stages=((0.1, 50), (1.0, 6)), base="auto")
    lost = trainer.at.jobs.trainings.claim(job, "lost")
    assert lost
    trainer.recover()
    trainer.catalogue.put_base(layout.base(shape, "squeezenet1_1"), base)
    trainer.worker(steps=6).work(job, "t")
    late = layout.start(TENANT, job, lost.token)
    trainer.at.objects.put(late, b'{"base": null, "backbone": null}')
    trainer.finish(job)
    assert trainer.nets()[0] == hashlib.sha256(base).hexdigest()


def test_what_an_ended_training_left_on_the_disk_goes(make: MakeTrainer) -> None:
    """A cancelled one, or one that another machine ended: nobody here hears of their end."""
    trainer = make()
    first, second = trainer.submit(), trainer.submit(style="dots")
    for job in (first, second):
        trainer.worker(steps=2).work(job, "t")
    old = time.time() - 2 * DAY_SECONDS
    os.utime(trainer.folder / first, (old, old))
    trainer.worker(steps=2).work(second, "t")
    assert [path.name for path in trainer.folder.iterdir()] == [second]


@pytest.mark.parametrize("steps", [2, 10**6])
def test_a_quick_style_trains_in_slices_over_the_published_backbone(
    make: MakeTrainer, steps: int
) -> None:
    """Stage 0 is the backbone's own norms; every file is some kilobytes and names the backbone."""
    trainer = make()
    torch.manual_seed(3)
    backbone = pack(TransformNet(NetConfig(4)), NetCard(NetConfig(4), "backbone", 0, 0.02))
    sha256 = trainer.catalogue.put_backbone(backbone)
    config: dict[str, object] = {"profile": "quick", "stages": ((0.1, 50), (1.0, 4))}
    view = trainer.finish(trainer.submit(**config), steps)
    assert view.state is JobState.SUCCEEDED
    assert trainer.card().stages[0].iterations == 0
    for stage in trainer.catalogue.get("stripes").stages:
        affine, _ = unpack_affine(trainer.at.objects.get(stage.key))
        assert affine.backbone == sha256
    assert trainer.catalogue.get("stripes").backbone == sha256


def test_a_quick_style_of_one_stage_trains_it_as_fast_as_others_are(make: MakeTrainer) -> None:
    """A tenth of the rate, which whole nets begin with, would leave it nearly untrained."""
    trainer = make()
    torch.manual_seed(3)
    backbone = pack(TransformNet(NetConfig(4)), NetCard(NetConfig(4), "backbone", 0, 0.02))
    trainer.catalogue.put_backbone(backbone)
    trainer.finish(trainer.submit(profile="quick", stages=((10.0, 3),)))
    card = trainer.card()
    assert card.stages[0].iterations == 3
    assert card.training.peak_rate == card.training.later_rate == PEAK_RATE


def test_a_quick_style_without_a_backbone_is_a_clear_error(make: MakeTrainer) -> None:
    trainer = make()
    view = trainer.finish(trainer.submit(profile="quick"))
    assert view.error is not None
    assert view.error.type == "backbone-missing"
