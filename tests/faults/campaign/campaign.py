"""A campaign of faults against a stack under load, and the verdict on what became of it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto_client import Client
from tests.bench.common.tables import table
from tests.faults.campaign.albums import Album, Gallery, check_results
from tests.faults.campaign.bucket_audit import Audit, audit
from tests.faults.campaign.kinds import FAULTS, REFUSED
from tests.faults.campaign.site import Site
from tests.faults.campaign.trainings import TrainingLoad
from tests.faults.stack.fault_stack import READY_SECONDS, WORKERS, FaultStack
from tests.integration.live_stack import wait_until

#: Seconds within which every worker must consume again after Redis was down.
BOUNCE_SECONDS = 60.0
#: Seconds that what is accepted gets to end after the last fault, and to be swept.
DRAIN_SECONDS = 600.0
#: Logger that says of every message that a worker has taken it.
TAKEN = "celery.worker.strategy"
#: Kinds that cost a start of everything come this much more rarely than the others.
RARE = {"stop and start": 0.25, "SIGTERM to everything": 0.5}


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a campaign; the seed decides what is random inside it."""

    kind: str
    seed: int
    #: Seconds of peace before it.
    pause: float

    def __str__(self) -> str:
        return f"{self.kind} ({self.seed:08x}, after {self.pause:.1f} s)"


def plan(
    seed: int, faults: int, *, kinds: Sequence[str] = tuple(FAULTS), longest_pause: float = 3.0
) -> list[Planned]:
    """Return the faults of a campaign: the same seed, the same faults.

    Each kind comes once before chance alone decides. Pauses are in seconds.
    """
    chance = random.Random(seed)
    weights = [RARE.get(kind, 1.0) for kind in kinds]
    chosen = chance.sample(kinds, len(kinds))[:faults]
    chosen += chance.choices(kinds, weights, k=max(faults - len(chosen), 0))
    return [
        Planned(kind, chance.getrandbits(32), chance.uniform(0, longest_pause)) for kind in chosen
    ]


@dataclass
class Report:
    """What became of a campaign."""

    seed: int
    done: list[Planned]
    seconds: float
    albums: list[Album]
    turned_away: int
    bounces: int
    #: For each worker, the longest that it took to consume again after Redis was down, seconds;
    #: None when it never did.
    slowest: dict[str, float | None]
    #: Commits that were refused because the chunk had another holder by then.
    refused_commits: int
    lost: list[str]
    #: Trainings that were accepted, and those that did not end as all others did.
    trainings: int
    astray: list[str]
    stale: list[str]
    audit: Audit
    other: list[str] = field(default_factory=list)

    @property
    def photos(self) -> int:
        """Photos that were accepted."""
        return sum(len(album.sizes) for album in self.albums)

    @property
    def deaf(self) -> list[str]:
        """Workers that did not consume again in time."""
        late = [name for name, s in self.slowest.items() if s is None or s > BOUNCE_SECONDS]
        return late if self.bounces else []

    @property
    def broken(self) -> list[str]:
        """Every promise that was not kept, a sentence or a key each."""
        wrong = [*self.lost, *self.astray, *self.stale, *self.other]
        return wrong + self.audit.doubles + self.audit.orphans

    @property
    def faultless(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken and not self.deaf

    def __str__(self) -> str:
        kinds = Counter(fault.kind for fault in self.done)
        faults = table(("fault", "times"), sorted(kinds.items()))
        rows = [
            ("seed", self.seed),
            ("faults", len(self.done)),
            ("minutes", f"{self.seconds / 60:.1f}"),
            ("albums accepted", len(self.albums)),
            ("photos accepted", self.photos),
            ("trainings accepted", self.trainings),
            ("submissions turned away or unanswered", self.turned_away),
            ("stale commits refused", self.refused_commits),
            ("photos lost", len(self.lost)),
            ("trainings that did not end in the nets of all others", len(self.astray)),
            ("photos with two results", len(self.audit.doubles)),
            ("stale commits, or counts that ran back", len(self.stale)),
            ("orphan objects", len(self.audit.orphans)),
            ("submissions that were cut off and will be cleared", len(self.audit.cut_off)),
            ("times that Redis was down", self.bounces),
            *(
                (f"longest until {name} consumed again, s", _s(s))
                for name, s in self.slowest.items()
            ),
            ("other broken promises", len(self.other)),
        ]
        return "\n".join([faults, "", table(("what", "number"), rows), *self.broken])


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f}"


def run(
    site: Site, faults: Sequence[Planned], say: Callable[[str], None], *, apart: bool = False
) -> list[Planned]:
    """Do the faults one after the other; returns those that were done. Call it from the main
    thread: a stack is started again. `apart`: each waits until every worker has consumed again."""
    done: list[Planned] = []
    for number, fault in enumerate(faults, 1):
        time.sleep(fault.pause)
        begun = time.monotonic()
        FAULTS[fault.kind](site, random.Random(fault.seed))
        done.append(fault)
        said = f"{number}/{len(faults)} {fault}: {time.monotonic() - begun:.1f} s"
        if apart:
            _wait_consuming(site)
            waits = [_s(slowest(site, name, last=True)) for name in WORKERS]
            said += f", consumed again after {' and '.join(waits)} s"
        say(f"{said}; {site.gallery.finished} of {site.gallery.accepted} photos")
    return done


def judge(site: Site, done: list[Planned], seed: int, begun: float, folder: Path) -> Report:
    """Wait until everything accepted has ended and was swept, then look at all of it."""
    site.stack.wait_ready(READY_SECONDS)
    _wait_consuming(site)
    site.stack.storage.delay = 0.0
    site.gallery.end(DRAIN_SECONDS)
    site.trainings.end(DRAIN_SECONDS)
    bucket = site.stack.bucket()
    deadline = time.monotonic() + DRAIN_SECONDS
    while (found := audit(bucket)).open_jobs and time.monotonic() < deadline:
        time.sleep(1)
    lost = [f"{job} has not ended" for job in found.open_jobs]
    for album in site.gallery.albums:
        lost += check_results(site.client, album, folder)
    return Report(
        seed=seed,
        done=done,
        seconds=time.monotonic() - begun,
        albums=site.gallery.albums,
        turned_away=len(site.gallery.turned_away),
        bounces=len(site.bounces),
        slowest={name: slowest(site, name) for name in WORKERS},
        refused_commits=sum(len(site.stack.events(name, REFUSED)) for name in WORKERS),
        lost=lost,
        trainings=len(site.trainings.started),
        astray=site.trainings.wrong(bucket),
        stale=[line for album in site.gallery.albums for line in album.wrong],
        audit=found,
        other=site.wrong,
    )


def _wait_consuming(site: Site) -> None:
    """Go on sending until every worker has consumed since Redis was last down, or is late."""
    deadline = time.time() + 2 * BOUNCE_SECONDS
    while time.time() < deadline and any(
        slowest(site, name, last=True) is None for name in WORKERS
    ):
        time.sleep(0.5)


def slowest(site: Site, worker: str, *, last: bool = False) -> float | None:
    """Return the longest (s) from a bounce to a worker's next message; None when there was none.

    `last`: from the last bounce alone. Where nobody could consume in between, the time counts from
    when that was over.
    """
    taken = [moment for moment, _ in site.stack.events(worker, TAKEN)]
    waits: list[float] = []
    for bounce in site.bounces[-1:] if last else site.bounces:
        after = next((moment for moment in taken if moment > bounce), None)
        if after is None:
            return None
        began = [end for begin, end in site.stops if bounce <= begin and end <= after]
        waits.append(after - max([bounce, *began]))
    return max(waits, default=0.0)


def open_site(stack: FaultStack, folder: Path, client: Client, *, trainings: bool = True) -> Site:
    """Put a running stack under load; the styles must be published by now."""
    gallery = Gallery(stack.url, folder / "photos")
    load = TrainingLoad(stack.url, folder, stack.bucket())
    site = Site(stack=stack, gallery=gallery, trainings=load, client=client)
    gallery.start()
    if trainings:
        load.start()
    wait_until(lambda: gallery.finished > 0, "the first photos", READY_SECONDS)
    return site
