"""What lies in the bucket once everything has ended: whatever nothing leads to, and doubles."""

from collections import defaultdict
from dataclasses import dataclass, field

from infra import layout
from infra.jobs.manifest import Manifest
from infra.jobs.manifest.markers import open_markers
from infra.storage.s3 import S3Store

TENANT = "default"


@dataclass
class Audit:
    """What was found; keys and job ids."""

    #: Jobs that exist and have not been finalized.
    open_jobs: list[str] = field(default_factory=list)
    #: Submissions that were cut off: the sweep clears them away some hours later.
    cut_off: list[str] = field(default_factory=list)
    #: Objects that no job, marker or result leads to.
    orphans: list[str] = field(default_factory=list)
    #: Photos with more than one result, as `job/index`.
    doubles: list[str] = field(default_factory=list)


def audit(store: S3Store) -> Audit:
    """Look at every object of the tenant, and at every marker and reservation."""
    keys = {info.key for info in store.list("")}
    found = Audit()
    markers = {job for _, job in open_markers(store)}
    jobs = _jobs(keys)
    live = {job for job, parts in jobs.items() if "job.json" in parts}
    finalized = {job for job in live if "outcome.json" in jobs[job]}
    found.open_jobs = sorted(live - finalized)
    found.cut_off = sorted(markers - live)
    found.orphans += [layout.open_marker(TENANT, job) for job in sorted(markers & finalized)]
    known = live | markers
    found.orphans += [layout.job_prefix(TENANT, job) for job in sorted(jobs.keys() - known)]
    entries = map(layout.parse_newest_entry, _below(keys, layout.newest_prefix(TENANT)))
    newest = {job for _, job in filter(None, entries)}
    found.orphans += [layout.newest_entry(TENANT, job) for job in sorted(newest - known)]
    found.orphans += _styleless(keys, known - finalized)
    _audit_results(store, keys, live, found)
    return found


def _styleless(keys: set[str], pending: set[str]) -> list[str]:
    """Return the reservations of names by trainings that have ended without a style.

    One that has published keeps its name for good; one of a `pending` job is on its way.
    """
    reserved = [key for key in sorted(_below(keys, layout.STYLES_PREFIX)) if "/owners/" in key]
    parts = {key: key.removeprefix(layout.STYLES_PREFIX).partition("/owners/") for key in reserved}
    return [
        key
        for key, (style, _, owner) in parts.items()
        if layout.style_index(style) not in keys and owner.removesuffix(".json") not in pending
    ]


def _audit_results(store: S3Store, keys: set[str], jobs: set[str], found: Audit) -> None:
    """Hold the results against the outcomes of every attempt of every job."""
    results: dict[str, set[str]] = defaultdict(set)
    for job in jobs:
        for attempt in Manifest(store=store, tenant=TENANT, job=job).attempts():
            for outcome in attempt.outcomes:
                if outcome.result is not None:
                    results[f"{job}/{outcome.index}"].add(outcome.result)
    found.doubles = sorted(photo for photo, made in results.items() if len(made) > 1)
    wanted = {result for made in results.values() for result in made}
    wanted |= {f"{result.rpartition('.')[0]}.json" for result in wanted}
    stored = _below(keys, f"{layout.tenant_prefix(TENANT)}results/")
    found.orphans += sorted(stored - wanted)


def _jobs(keys: set[str]) -> dict[str, set[str]]:
    """Return what each job of the tenant has below its prefix."""
    prefix = f"{layout.tenant_prefix(TENANT)}jobs/"
    jobs: dict[str, set[str]] = defaultdict(set)
    for key in _below(keys, prefix):
        job, _, part = key.removeprefix(prefix).partition("/")
        jobs[job].add(part)
    return jobs


def _below(keys: set[str], prefix: str) -> set[str]:
    return {key for key in keys if key.startswith(prefix)}
