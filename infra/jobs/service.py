"""The job service: its parts, put together over one store of records, one bucket, one broker.

Every sequence in these parts is ordered so that a kill between any two lines either shows nothing
to anyone or is repaired by the next sweep; where that is not plain, a comment says why.
"""

from collections.abc import Callable
from dataclasses import dataclass

from infra.jobs.cancellation import Cancellation
from infra.jobs.claims.album import ChunkClaims
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.claims.training import TrainingClaims
from infra.jobs.maintenance.sweep import Sweep
from infra.jobs.ports import JobStore, Notifier
from infra.jobs.queries import JobQueries
from infra.jobs.submission.submission import Submission
from infra.settings import Settings
from infra.storage.port import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class JobServices:
    """One part for each kind of caller.

    Every method of every part raises ServiceUnavailable when Redis or S3 cannot be reached.
    Threads may share them.
    """

    #: Of the API: takes jobs in.
    submission: Submission
    #: Of the API: shows jobs and their photos.
    queries: JobQueries
    #: Of the API: stops jobs.
    cancellation: Cancellation
    #: Of a worker: the chunks of albums.
    chunks: ChunkClaims
    #: Of a trainer: the slices of trainings.
    trainings: TrainingClaims
    #: Of the sweeper and the doctor: repairs what was lost.
    sweep: Sweep
    #: Of the API's metrics and the trainer: how many messages wait.
    notifier: Notifier


def connect_jobs(
    *,
    objects: ObjectStore,
    records: JobStore,
    notifier: Notifier,
    clock: Callable[[], float],
    settings: Settings,
) -> JobServices:
    """Put the parts together; nothing is sent yet. `clock` is in seconds since the epoch."""
    post_commit = PostCommit(objects=objects, records=records, notifier=notifier)
    queries = JobQueries(
        objects=objects, records=records, post_commit=post_commit, clock=clock, settings=settings
    )
    chunks = ChunkClaims(
        objects=objects, records=records, post_commit=post_commit, clock=clock, settings=settings
    )
    trainings = TrainingClaims(
        objects=objects, records=records, post_commit=post_commit, clock=clock, settings=settings
    )
    return JobServices(
        submission=Submission(
            objects=objects,
            records=records,
            queries=queries,
            post_commit=post_commit,
            clock=clock,
            settings=settings,
        ),
        queries=queries,
        cancellation=Cancellation(
            objects=objects, records=records, queries=queries, post_commit=post_commit, clock=clock
        ),
        chunks=chunks,
        trainings=trainings,
        sweep=Sweep(
            objects=objects,
            records=records,
            post_commit=post_commit,
            notifier=notifier,
            clock=clock,
            settings=settings,
        ),
        notifier=notifier,
    )
