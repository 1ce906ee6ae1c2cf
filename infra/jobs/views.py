"""Views: a job, and one of its photos, as users see them."""

from dataclasses import dataclass
from enum import StrEnum

from infra.catalogue.style import StyleShare
from infra.jobs.domain import timing, training_rules
from infra.jobs.domain.model import (
    JobKind,
    JobRecord,
    JobState,
    PhotoEntry,
    PhotoOutcome,
    Problem,
    Stroke,
    TrainingConfig,
    TrainingProgress,
)
from infra.jobs.formats import FormatChoice
from infra.jobs.metadata import MetadataChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job at one moment. Times are seconds since the epoch."""

    id: str
    tenant: str
    kind: JobKind
    state: JobState
    style: str
    strength: float
    stroke: Stroke
    metadata: MetadataChoice
    format: FormatChoice
    total: int
    done: int
    failed: int
    #: Seconds left at the pace so far; None while that is unknown.
    eta_seconds: float | None
    created: float
    started: float | None
    finished: float | None
    #: When the job is removed; None before its end, and where jobs stay for good.
    expires: float | None
    error: Problem | None
    #: Photos that are done or failed, as a part of all, or iterations of a schedule, 0..1.
    progress: float
    #: The style that an album's style is mixed with.
    mixed_with: StyleShare | None = None
    #: The config of a training; None in an album.
    training_config: TrainingConfig | None = None
    #: The progress of a training; None before its first report, and in an album.
    training: TrainingProgress | None = None
    #: The stages that a training has published, in order.
    published: tuple[int, ...] = ()
    #: The job whose failed photos these are.
    retry_of: str | None = None
    #: A line about files that came with the album and can be no photos.
    note: str | None = None


def job_view(record: JobRecord, now: float, retention_days: float | None = None) -> JobView:
    """Show a job by its record; it stays for `retention_days` after its end."""
    spec = record.spec
    if spec.training is None:
        progress = (record.done + record.failed) / spec.total
        eta = timing.eta(record, now)
    else:
        progress, eta = training_rules.part_done(record), training_rules.eta(record)
    return JobView(
        id=spec.id,
        tenant=spec.tenant,
        kind=spec.kind,
        state=record.state,
        style=spec.style,
        strength=spec.strength,
        stroke=spec.stroke,
        metadata=spec.metadata,
        format=spec.format,
        total=spec.total,
        done=record.done,
        failed=record.failed,
        eta_seconds=eta,
        created=spec.created,
        started=record.started,
        finished=record.finished,
        expires=timing.expires(record, retention_days),
        error=record.error,
        progress=progress,
        mixed_with=spec.mixed_with,
        training_config=spec.training,
        training=record.training,
        published=record.published,
        retry_of=spec.retry_of,
        note=spec.note,
    )


class ItemState(StrEnum):
    """The state of one photo."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One photo of a job at one moment; `outcome` is set once it is done or failed."""

    index: int
    name: str
    #: The path or key that the sender of the photo knows it by.
    source: str
    state: ItemState
    outcome: PhotoOutcome | None
    #: Where the result goes among the album's others, `/` between folders; None while it has none.
    result_path: str | None = None
    #: When the photo's file was changed last, seconds since the epoch; None where nobody said.
    modified: float | None = None


def item_view(entry: PhotoEntry, state: ItemState, outcome: PhotoOutcome | None) -> ItemView:
    """Show one photo by its line of the manifest."""
    return ItemView(
        index=entry.index,
        name=entry.name,
        source=entry.name if entry.source is None else entry.source,
        state=state,
        outcome=outcome,
        result_path=_result_path(entry, outcome),
        modified=entry.modified,
    )


def _result_path(entry: PhotoEntry, outcome: PhotoOutcome | None) -> str | None:
    """Return the path of a result: as its name, with the folders that its photo came in."""
    if outcome is None or outcome.result is None:
        return None
    name = outcome.result_name or entry.name
    if entry.path is None or name == entry.name:
        return name if entry.path is None else entry.path
    stem = entry.path if entry.path_stem is None else entry.path_stem
    return f"{stem}.{name.rpartition('.')[2]}"
