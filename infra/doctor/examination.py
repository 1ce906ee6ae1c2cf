"""One examination of a deployment from end to end."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from infra.deployment import Deployment, connect
from infra.doctor.finding import Finding, Part
from infra.doctor.job_checks import JobChecks
from infra.doctor.orphans import Orphans
from infra.doctor.redis_checks import UNUSABLE, check_redis
from infra.doctor.s3_checks import S3Checks
from infra.errors import ServiceUnavailable
from infra.settings import Settings
from infra.storage.s3_client import s3_client

#: The finding that a check was cut off by an outage.
CUT_OFF: Final = "check-cut-off"


@dataclass(frozen=True, slots=True)
class Examined:
    """A finding, and whether it was put right: looked for again, it was not there."""

    finding: Finding
    repaired: bool


def examine(
    settings: Settings, *, repair: bool = False, clock: Callable[[], float] = time.time
) -> list[Examined]:
    """Return everything that is wrong; with `repair`, put right what can be without risk.

    Repaired findings come first then, followed by everything that a second look still finds or
    finds only now: a missing bucket, for one, hides whatever else is wrong in S3.

    A server that does not answer is a finding, and what needs it is not looked at. Raises
    ServiceUnavailable when the settings name no Redis or no S3, InvalidSettings when what they
    name cannot be one.
    """
    deployment = connect(settings)
    found = list(_findings(deployment, clock))
    # Each once: several findings may ask for the same sweep.
    repairs = {finding.repair for finding in found if repair and finding.repair}
    for action in repairs:
        with suppress(ServiceUnavailable):  # the second look shows it
            action()
    left = list(_findings(deployment, clock)) if repairs else found
    still = {(finding.check, finding.about) for finding in left}
    gone = [finding for finding in found if (finding.check, finding.about) not in still]
    # A second look that was cut off has not seen that they are gone.
    seen = all(finding.check != CUT_OFF for finding in left)
    return [*(Examined(each, seen) for each in gone), *(Examined(each, False) for each in left)]


def _findings(deployment: Deployment, clock: Callable[[], float]) -> Iterator[Finding]:
    redis, s3 = list(check_redis(deployment.redis)), _s3_checks(deployment, clock)
    yield from redis
    yield from s3.run()
    if not s3.usable:
        return
    if all(finding.check not in UNUSABLE for finding in redis):
        yield from _as_far_as_possible("jobs", _job_checks(deployment, clock).run())
    expiring = deployment.settings.retention_days is not None
    yield from _as_far_as_possible("objects", Orphans(deployment.objects, expiring=expiring).run())


def _as_far_as_possible(part: Part, checks: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings of `checks`, and one more where an outage cut them off."""
    try:
        yield from checks
    except ServiceUnavailable as error:
        yield Finding(
            check=CUT_OFF,
            about=part,
            part=part,
            detail=f"The look at {part} ended before its time: {error.detail}",
            advice="Put that right, and run `impasto doctor` again: it may find more.",
        )


def _s3_checks(deployment: Deployment, clock: Callable[[], float]) -> S3Checks:
    settings = deployment.settings
    return S3Checks(
        client=s3_client(settings),
        store=deployment.objects,
        bucket=settings.s3_bucket,
        clock=clock,
    )


def _job_checks(deployment: Deployment, clock: Callable[[], float]) -> JobChecks:
    return JobChecks(
        objects=deployment.objects,
        records=deployment.records,
        sweep=deployment.jobs.sweep,
        workers=deployment.workers,
        trainers=deployment.trainers,
        settings=deployment.settings,
        clock=clock,
    )
