"""One problem, and the next step for whoever operates the deployment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Part = Literal["redis", "s3", "workers", "jobs", "objects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem; `check` is a stable slug, `advice` the next step.

    `about` distinguishes the findings of one check and stays the same from look to look; it is
    empty where a check has one finding only. `repair` puts it right without risk to stored data;
    None where only a person can.
    """

    check: str
    about: str = ""
    part: Part
    detail: str
    advice: str
    repair: Callable[[], object] | None = None
