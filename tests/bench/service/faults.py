"""Random faults against a real stack under load: nothing accepted is lost, nothing is done twice.

    python3 infra/dev.py bench faults [--seed 1] [--faults 200] [--photos 2000]

API, two workers, trainer, Redis and S3 run for real; albums of small photos are sent all the time.
The same seed makes the same faults. Where the data folder cannot be put on a small disk of its own
(that takes root on Linux), the fault `disk full` is left out by name.

`--kinds line` breaks the way between workers and Redis alone, at random commands, and loses
replies; after each, every worker must consume again by itself. It has no trainings and no album
that is flushed. A hundred of them, some 20 minutes:

    python3 infra/dev.py bench faults --kinds line --faults 100 --seed 1
"""

import argparse
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from impasto_client import Client
from tests.faults.campaign.albums import Gallery
from tests.faults.campaign.campaign import Planned, judge, open_site, plan, run
from tests.faults.campaign.flushed_album import flush_in_the_middle
from tests.faults.campaign.kinds import FAULTS, LINE_FAULTS
from tests.faults.stack.fault_stack import FaultStack
from tests.faults.stack.small_disk import small_disk

#: Seconds that S3 takes longer for every answer, so that there is always something at work.
DELAY = 0.1
#: Kinds of faults that a campaign may be made of.
KINDS = {"all": tuple(FAULTS), "line": LINE_FAULTS}


def main() -> int:
    """Run a campaign and print its table; 1 when a promise was broken."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # in order
    out = options.out or Path(tempfile.mkdtemp(prefix="impasto-faults-"))
    with small_disk(out / "data") as own_disk:
        kinds = [kind for kind in KINDS[options.kinds] if own_disk or kind != "disk full"]
        if not own_disk and options.kinds == "all":
            print("Left out: disk full (no disk of its own can be mounted here).")
        faults = plan(options.seed, options.faults, kinds=kinds)
        print(f"Seed {options.seed}, {len(faults)} faults, logs in {out / 'logs'}", flush=True)
        try:
            return _campaign(options, out, faults)
        finally:
            # The disk goes with the block, and they say why a promise was broken.
            shutil.copytree(out / "data" / "logs", out / "logs", dirs_exist_ok=True)


def _campaign(options: argparse.Namespace, out: Path, faults: list[Planned]) -> int:
    with FaultStack(out / "data", delay=options.delay) as stack, Client(stack.url) as client:
        begun = time.monotonic()
        everything = options.kinds == "all"
        site = open_site(stack, out, client, trainings=everything)
        done = run(site, faults, lambda line: print(line, flush=True), apart=not everything)
        while everything and site.gallery.accepted < options.photos:
            time.sleep(1)
        report = judge(site, done, options.seed, begun, out / "results")
        gallery = Gallery(stack.url, out / "photos", first=900)
        flushed = (
            flush_in_the_middle(stack, client, gallery, photos=options.album, out=out / "results")
            if everything
            else None
        )
    print(f"\n### Faults\n\n{report}")
    print(f"\nProcessor time of everything: {_processor_minutes():.1f} minutes.")
    if flushed is not None:
        print(f"\n{flushed}")
    kept = report.faultless and (flushed is None or flushed.faultless)
    print("\nEvery promise was kept." if kept else "\nPromises were broken.")
    return 0 if kept else 1


def _processor_minutes() -> float:
    """Return what this process and all that it started and saw end have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used) / 60


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="infra/dev.py bench faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--seed", type=int, default=1, help="default: 1")
    made.add_argument("--faults", type=int, default=200, help="default: 200")
    made.add_argument("--kinds", choices=KINDS, default="all", help="of faults; default: all")
    made.add_argument("--photos", type=int, default=2000, help="at least; default: 2000")
    made.add_argument(
        "--album", type=int, default=500, help="photos of an album that is flushed; default: 500"
    )
    made.add_argument("--delay", type=float, default=DELAY, help=f"of S3, s; default: {DELAY}")
    made.add_argument("--out", type=Path, help="folder for data, photos and results")
    return made


if __name__ == "__main__":
    sys.exit(main())
