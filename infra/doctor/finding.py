"""One thing that is wrong, in words that say what to do next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Part = Literal["redis", "s3", "workers", "jobs", "objects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found; `check` is a stable slug, `advice` the next step.

    `about` tells findings of one check apart, and is the same however often they are found; where
    a check finds one thing only, it is empty. `repair` puts it right without risk to anything that
    is kept; None where only a person can.
    """

    check: str
    about: str = ""
    part: Part
    detail: str
    advice: str
    repair: Callable[[], object] | None = None
