"""Photos fetched out of ZIP files."""

import pytest

from api.archives.archived_photos import read_archive
from infra.jobs.domain.model import JobDraft, PhotoEntry, Problem
from tests.fakes.album import BLEND, AlbumHarness
from tests.zips import PHOTO, hostile_members, zipped

HOSTILE = hostile_members()


def work(data: bytes) -> list[str | None]:
    """Paint the photos of an archive; why each one failed, in their order."""
    harness = AlbumHarness()
    harness.objects.put("inbox/a.zip", data)
    content = read_archive(harness.objects, "inbox/a.zip", harness.settings, name="a.zip")
    places = [(photo.path, photo.member) for photo in content.photos]
    job = harness.jobs.submission.new_job_id()
    entries = (
        PhotoEntry(index=index, name=f"{index}.jpg", key="inbox/a.zip", member=member)
        for index, (_, member) in enumerate(places)
    )
    harness.jobs.submission.submit(
        JobDraft(id=job, tenant="default", style="test", blend=BLEND), entries
    )
    harness.work(job)
    outcomes = harness.outcomes(job).values()
    return [outcome.error.type if outcome and outcome.error else None for outcome in outcomes]


def test_photos_of_an_archive_are_painted() -> None:
    assert work(zipped({"a.jpg": PHOTO, "b.jpg": PHOTO + b" and more"})) == [None, None]


def test_bad_photo_in_an_archive_fails_alone() -> None:
    assert work(zipped({"a.jpg": PHOTO, "b.jpg": b"text", "c.jpg": PHOTO[:99]})) == [
        None,
        "not-an-image",
        "truncated-photo",
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_photo_that_is_not_what_the_directory_says_fails(name: str) -> None:
    assert work(HOSTILE[name].data) == [HOSTILE[name].reason]


def test_archive_that_was_found_damaged_fails_alone_and_says_so() -> None:
    harness = AlbumHarness()
    harness.objects.put("photos/b.jpg", PHOTO)
    fault = Problem(type="archive-damaged", detail="a.zip: The ZIP file breaks off.")
    entries = [
        PhotoEntry(index=0, name="a.zip", key="photos/a.zip", fault=fault),
        PhotoEntry(index=1, name="b.jpg", key="photos/b.jpg"),
    ]
    job = harness.jobs.submission.new_job_id()
    harness.jobs.submission.submit(
        JobDraft(id=job, tenant="default", style="test", blend=BLEND), entries
    )
    harness.work(job)
    archive, photo = harness.outcomes(job).values()
    assert archive is not None
    assert archive.error == fault
    assert photo is not None
    assert photo.error is None


def test_archive_that_was_replaced_meanwhile_gives_no_wrong_photo() -> None:
    harness = AlbumHarness()
    harness.objects.put("a.zip", zipped({"a.jpg": PHOTO}))
    (photo,) = read_archive(harness.objects, "a.zip", harness.settings, name="a.zip").photos
    member = photo.member
    assert member is not None
    harness.objects.put("a.zip", zipped({"b.jpg": PHOTO[::-1]}))
    job = harness.jobs.submission.new_job_id()
    entry = PhotoEntry(index=0, name="a.jpg", key="a.zip", member=member)
    harness.jobs.submission.submit(
        JobDraft(id=job, tenant="default", style="test", blend=BLEND), [entry]
    )
    harness.work(job)
    (outcome,) = harness.outcomes(job).values()
    assert outcome is not None
    assert outcome.error is not None
    assert outcome.error.type == "damaged-in-archive"
