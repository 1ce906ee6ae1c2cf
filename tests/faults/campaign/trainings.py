"""Small trainings, one after the other from one painting, that must all end in the same nets."""

import threading
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from impasto_client import Client, ClientError, JobState, Reason, ServiceUnreachable
from infra.catalogue import StyleCatalogue
from infra.storage.s3 import S3Store
from tests.integration.live_training import add_corpus, net_hashes, submit_training, write_painting

#: Stages of some seconds each, in which a training's whole life happens.
SCHEDULE = "0.1:7,1:7"
#: Seconds between two looks at the running training.
LOOK_SECONDS = 1.0


@dataclass
class StartedTraining:
    """An accepted training."""

    job: str
    style: str
    #: How it ended, once it was seen to, and what was said of a failure.
    state: JobState | None = None
    error: Reason | None = None


class TrainingLoad:
    """Sends trainings and watches them, in a thread of its own, through everything that happens."""

    def __init__(self, url: str, folder: Path, bucket: S3Store) -> None:
        self._url = url
        photos = folder / "training-photos"
        photos.mkdir()
        add_corpus(bucket, photos)
        self._painting = write_painting(folder)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._submit, name="trainings", daemon=True)
        self._deadline = float("inf")
        #: Every training that a 202 was given for.
        self.started: list[StartedTraining] = []

    def start(self) -> None:
        """Begin to submit trainings."""
        self._thread.start()

    def end(self, seconds: float) -> None:
        """Send no more, and watch until the last training has ended or `seconds` have passed.

        Returns at once where none was sent.
        """
        self._deadline = time.monotonic() + seconds
        self._ending.set()
        if self._thread.ident is not None:  # it was begun
            self._thread.join()

    def wrong(self, bucket: S3Store) -> list[str]:
        """Return what is not as it must be: a training that did not succeed, or other nets."""
        catalogue = StyleCatalogue(bucket)
        wrong = [
            f"training {training.job} is {training.state or 'not at its end'}: {training.error}"
            for training in self.started
            if training.state is not JobState.SUCCEEDED
        ]
        nets = {
            training.style: net_hashes(bucket, catalogue.get(training.style))
            for training in self.started
            if training.state is JobState.SUCCEEDED
        }
        first = next(iter(nets.values()), [])
        return wrong + [
            f"{style} came out as {hashes}, others as {first}"
            for style, hashes in nets.items()
            if hashes != first or not hashes
        ]

    def _submit(self) -> None:
        with Client(self._url) as client:
            for number in count(1):
                if self._ending.is_set():
                    return
                try:
                    style = f"training-{number}"
                    job = submit_training(client, self._painting, style, SCHEDULE)
                except ClientError:
                    time.sleep(LOOK_SECONDS)  # turned away, or its answer was lost
                    continue
                self.started.append(training := StartedTraining(job.id, style))
                self._watch(client, training)

    def _watch(self, client: Client, training: StartedTraining) -> None:
        while training.state is None and time.monotonic() < self._deadline:
            try:
                job = client.patiently(lambda: client.job(training.job))
                training.state, training.error = (
                    job.state if job.state.terminal else None,
                    job.error,
                )
            except ServiceUnreachable:
                pass  # away for longer than a client's patience; the next look tells
            time.sleep(LOOK_SECONDS)
