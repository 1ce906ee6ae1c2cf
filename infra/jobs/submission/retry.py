"""The failed photos of a job, sent again.

A retry is a job of its own over the failed photos; the old job is not opened again. A job that
has ended never changes, so each photo of each job keeps exactly one outcome, no count runs
backwards, and a user who watched the first job to its end was told the truth. The new job names
the nets that the old one meant, and finds the photos where they lie; it keeps a reference to the
old job for as long as it lives (`references`).
"""

from collections.abc import Iterator
from itertools import chain

from infra.catalogue.visible import TenantStyles
from infra.errors import JobNotFinished, NothingToRetry, StyleMissing
from infra.jobs.domain.model import JobDraft, JobRecord, PhotoEntry
from infra.jobs.maintenance.style_removals import noted_keys
from infra.jobs.manifest import Manifest
from infra.jobs.progress import read_progress
from infra.jobs.views import ItemState
from infra.layout import PART_PHOTOS
from infra.storage.port import ObjectMissing, ObjectStore


def failed_photos(
    record: JobRecord, objects: ObjectStore, job: str
) -> tuple[JobDraft, Iterator[PhotoEntry]]:
    """Return what to submit as `job`; raises JobNotFinished and NothingToRetry.

    Here and among the photos, JobMissing where the job was removed meanwhile.
    """
    spec = record.spec
    if not record.state.terminal:
        raise JobNotFinished(f"The job is {record.state}; photos can be retried once it has ended.")
    if spec.training is not None or record.failed == 0:
        raise NothingToRetry(
            _again(record)
            if spec.training is not None
            else f"{record.done} of {spec.total} photos are painted, and none has failed."
        )
    entries = _failed(record, objects)
    first = next(entries, None)
    if first is None:
        raise NothingToRetry(
            "What failed cannot be had out of its ZIP file; make that anew and send it."
        )
    options = {name: getattr(spec, name) for name in JobDraft.model_fields}
    draft = JobDraft.model_validate(
        {**options, "id": job, "retry_of": spec.id, "bytes": 0, "note": None}
    )
    return draft, chain([first], entries)


def with_nets(draft: JobDraft, objects: ObjectStore, styles: TenantStyles) -> JobDraft:
    """Return a draft whose nets stay; raises StyleMissing where their style is gone.

    A style that was renamed or shared has the same nets under other keys.
    """
    noted = noted_keys(objects)
    keys = {net.key for net in draft.blend if not net.is_photo}
    leaving = {key for key in keys if key in noted or not _exists(objects, key)}
    if not leaving:
        return draft
    kept = {stage.sha256: stage.key for style in styles.list() for stage in style.stages}
    if any(net.key in leaving and net.sha256 not in kept for net in draft.blend):
        raise StyleMissing(f"The style {draft.style!r} is gone; paint the photos in another.")
    blend = (
        net.model_copy(update={"key": kept[net.sha256]}) if net.key in leaving else net
        for net in draft.blend
    )
    return draft.model_copy(update={"blend": tuple(blend)})


def _exists(objects: ObjectStore, key: str) -> bool:
    try:
        objects.head(key)
    except ObjectMissing:
        return False
    return True


def _again(record: JobRecord) -> str:
    """Say how a training can be had again; a style that has stages keeps its name."""
    name = "another name" if record.done else "the same name or another"
    return f"Send the training again, under {name}."


def _failed(record: JobRecord, objects: ObjectStore) -> Iterator[PhotoEntry]:
    """Yield the failed photos, numbered anew, reading part by part.

    Photos that were damaged as they came in are left out: they would fail again.
    """
    manifest = Manifest(store=objects, tenant=record.spec.tenant, job=record.spec.id)
    found = 0
    for start in range(0, record.spec.total, PART_PHOTOS):
        stop = min(start + PART_PHOTOS, record.spec.total)
        with manifest.readable():
            progress = read_progress(manifest, record, range(start, stop))
            entries = manifest.photos(start, stop)
        for entry in entries:
            if entry.fault is None and progress.view(entry).state is ItemState.FAILED:
                yield entry.model_copy(update={"index": found})
                found += 1
