"""The life of a preview: it ends in a clear state, whatever dies or is forgotten, and goes."""

import pytest

from infra import layout
from infra.errors import InvalidRequest, PreviewMissing, QueueFull
from infra.jobs.domain.rules import StaleLease
from infra.previews.intake import MAX_OPEN, MAX_TENANT_OPEN, UPLOAD_SECONDS
from infra.previews.model import KEPT_SECONDS, PATIENCE_SECONDS, PreviewOutcome
from infra.previews.ports import PreviewKey
from infra.previews.sweep import LOOK_SECONDS, MAX_ATTEMPTS
from tests.fakes.previews import PICTURES, PreviewWorld


@pytest.fixture
def world() -> PreviewWorld:
    return PreviewWorld()


def work(world: PreviewWorld, preview: str) -> None:
    claim = world.previews.claims.claim("default", preview)
    assert claim is not None
    world.previews.claims.finish(claim, PreviewOutcome(finished=world.clock()))


def test_preview_is_queued_then_running_then_painted(world: PreviewWorld) -> None:
    sent = world.send(side=200, sheet=False)
    assert world.notifier.preview_messages == [("default", sent.spec.id)]
    assert (sent.spec.side, sent.spec.sheet, sent.spec.pictures) == (200, False, PICTURES)
    assert world.find(sent.spec.id) == sent
    assert sent.state == "queued"
    claim = world.previews.claims.claim("default", sent.spec.id)
    assert claim is not None
    assert claim.spec == sent.spec
    assert world.find(sent.spec.id).state == "running"
    outcome = PreviewOutcome(finished=world.clock())
    world.previews.claims.finish(claim, outcome)
    found = world.find(sent.spec.id)
    assert (found.state, found.outcome) == ("succeeded", outcome)
    assert world.queue.open() == []


def test_another_tenant_finds_no_preview(world: PreviewWorld) -> None:
    sent = world.send(tenant="alice")
    with pytest.raises(PreviewMissing):
        world.find(sent.spec.id, "bob")
    for name in ("unknown", "../alice", "", "0" * 26):
        with pytest.raises(PreviewMissing):
            world.find(name, "alice")


def test_taken_preview_is_not_taken_twice(world: PreviewWorld) -> None:
    preview = world.send().spec.id
    assert world.previews.claims.claim("default", preview)
    assert world.previews.claims.claim("default", preview) is None


def test_message_of_an_ended_or_unknown_preview_is_passed_over(world: PreviewWorld) -> None:
    preview = world.send().spec.id
    work(world, preview)
    assert world.previews.claims.claim("default", preview) is None
    assert world.previews.claims.claim("default", "0" * 26) is None


def test_lost_message_is_sent_again(world: PreviewWorld) -> None:
    preview = world.send().spec.id
    world.notifier.preview_messages.clear()
    world.previews.sweep.run()
    assert world.notifier.preview_messages == []
    world.clock.advance(world.settings.ring_patience_seconds + 1)
    world.previews.sweep.run()
    assert world.notifier.preview_messages == [("default", preview)]


def test_preview_of_a_killed_worker_is_painted_by_the_next(world: PreviewWorld) -> None:
    preview = world.send().spec.id
    lost = world.previews.claims.claim("default", preview)
    assert lost is not None
    world.notifier.preview_messages.clear()
    world.clock.advance(world.settings.lease_seconds + 1)
    world.previews.sweep.run()
    assert world.notifier.preview_messages == [("default", preview)]
    second = world.previews.claims.claim("default", preview)
    assert second is not None
    assert second.attempt == 2
    with pytest.raises(StaleLease):
        world.previews.claims.extend(lost)
    with pytest.raises(StaleLease):
        world.previews.claims.finish(lost, PreviewOutcome(finished=world.clock()))
    world.previews.claims.finish(second, PreviewOutcome(finished=world.clock()))
    assert world.find(preview).state == "succeeded"


def test_heart_that_beats_keeps_the_preview(world: PreviewWorld) -> None:
    claim = world.previews.claims.claim("default", world.send().spec.id)
    assert claim is not None
    for _ in range(5):
        world.clock.advance(world.settings.lease_seconds - 1)
        world.previews.claims.extend(claim)
        world.previews.sweep.run()
    assert world.notifier.preview_messages == [("default", claim.spec.id)]


def test_photo_that_takes_workers_down_fails_after_three(world: PreviewWorld) -> None:
    preview = world.send().spec.id
    for _ in range(MAX_ATTEMPTS):
        assert world.previews.claims.claim("default", preview)
        world.clock.advance(world.settings.lease_seconds + 1)
        world.previews.sweep.run()
    found = world.find(preview)
    assert found.state == "failed"
    assert found.outcome
    assert found.outcome.error
    assert found.outcome.error.type == "photo-crashes-worker"
    assert world.queue.open() == []


def test_preview_that_is_given_back_counts_as_never_taken(world: PreviewWorld) -> None:
    preview = world.send().spec.id
    for _ in range(MAX_ATTEMPTS + 1):
        claim = world.previews.claims.claim("default", preview)
        assert claim is not None
        assert claim.attempt == 1
        world.previews.claims.release(claim)
        world.previews.sweep.run()
    assert len(world.notifier.preview_messages) == 1 + MAX_ATTEMPTS + 1


@pytest.mark.parametrize("swept", [True, False])
def test_preview_that_nobody_paints_fails_in_the_end(world: PreviewWorld, swept: bool) -> None:
    """A 202 never stays one for ever, though no sweeper lives."""
    preview = world.send().spec.id
    world.clock.advance(PATIENCE_SECONDS + 1)
    if swept:
        world.previews.sweep.run()
    found = world.find(preview)
    assert found.state == "failed"
    assert found.outcome
    assert found.outcome.error
    assert found.outcome.error.type == "preview-timed-out"
    assert world.previews.claims.claim("default", preview) is None


@pytest.mark.parametrize("asked", [True, False])
def test_flushed_preview_is_offered_again(world: PreviewWorld, asked: bool) -> None:
    preview = world.send().spec.id
    world.queue.flush()
    world.notifier.preview_messages.clear()
    world.clock.advance(LOOK_SECONDS + 1)
    if asked:
        assert world.find(preview).state == "queued"
    else:
        world.previews.sweep.run()  # finds it
    world.previews.sweep.run()
    assert world.notifier.preview_messages == [("default", preview)]


def test_preview_goes_after_an_hour(world: PreviewWorld) -> None:
    old = world.send()
    work(world, old.spec.id)
    world.clock.advance(KEPT_SECONDS - 10)
    young = world.send().spec.id
    world.clock.advance(LOOK_SECONDS)
    assert old.expires < world.clock()
    world.previews.sweep.run()
    with pytest.raises(PreviewMissing):
        world.find(old.spec.id)
    assert world.find(young).state == "queued"
    assert not [key for key in world.objects.objects if old.spec.id in key]


def test_upload_that_was_cut_off_leaves_nothing(world: PreviewWorld) -> None:
    key = world.previews.intake.begin("default")
    world.objects.put(layout.preview_photo(*key), b"photo")
    world.clock.advance(LOOK_SECONDS)
    world.previews.sweep.run()
    world.previews.sweep.run()
    assert world.notifier.preview_messages == []
    world.clock.advance(KEPT_SECONDS)
    world.previews.sweep.run()
    assert world.objects.objects == {}


def test_upload_that_took_too_long_is_refused(world: PreviewWorld) -> None:
    """A sweep may be about to remove it."""
    key = world.previews.intake.begin("default")
    world.clock.advance(UPLOAD_SECONDS + 1)
    with pytest.raises(InvalidRequest, match="too long"):
        world.previews.intake.submit(key, PICTURES, side=64, sheet=True)


def test_withdrawn_preview_leaves_nothing(world: PreviewWorld) -> None:
    sent = world.send()
    world.previews.intake.withdraw(PreviewKey("default", sent.spec.id))
    assert world.objects.objects == {}
    assert world.queue.open() == []


def test_flood_of_previews_is_refused(world: PreviewWorld) -> None:
    for _ in range(MAX_TENANT_OPEN):
        world.send(tenant="alice")
    with pytest.raises(QueueFull):
        world.send(tenant="alice")
    for number in range(MAX_OPEN - MAX_TENANT_OPEN):
        world.send(tenant=f"t{number}")
    with pytest.raises(QueueFull):
        world.send(tenant="bob")


def test_message_that_cannot_be_sent_is_left_to_the_sweep(world: PreviewWorld) -> None:
    world.notifier.down = True
    preview = world.send().spec.id
    world.notifier.down = False
    world.clock.advance(world.settings.ring_patience_seconds + 1)
    world.previews.sweep.run()
    assert world.notifier.preview_messages == [("default", preview)]


def test_one_that_s3_refuses_holds_up_no_other(world: PreviewWorld) -> None:
    first, second = world.send().spec.id, world.send().spec.id
    world.objects.withheld.add(layout.preview_spec("default", first))
    world.notifier.preview_messages.clear()
    world.clock.advance(world.settings.ring_patience_seconds + 1)
    world.previews.sweep.run()
    assert world.notifier.preview_messages == [("default", second)]
