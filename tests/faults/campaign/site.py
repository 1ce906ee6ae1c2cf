"""A running stack under load, to which a campaign does its faults."""

from dataclasses import dataclass, field

from impasto_client import Client
from tests.faults.campaign.albums import Gallery
from tests.faults.campaign.trainings import TrainingLoad
from tests.faults.stack.fault_stack import FaultStack


@dataclass
class Site:
    """A running stack under load, and what the faults leave behind for the judge."""

    stack: FaultStack
    gallery: Gallery
    trainings: TrainingLoad
    client: Client
    #: When Redis answered again after each time that it was down, seconds since the epoch.
    bounces: list[float] = field(default_factory=list)
    #: From when to when nobody could consume: all was stopped on purpose, or no byte was free.
    stops: list[tuple[float, float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
