"""Small trainings, one after the other from one painting, that must all end in the same nets."""

import threading
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from impasto_client import Client, ClientError, JobState, Reason, ServiceUnreachable
from infra.catalogue import StyleCatalogue
from infra.storage.s3 import S3Store
from tests.integration.live_training import add_corpus, net_hashes, teach, write_painting

#: Stages of some seconds each, in which a training's whole life happens.
SCHEDULE = "0.1:7,1:7"
#: Seconds between two looks at the running lesson.
LOOK_SECONDS = 1.0


@dataclass
class Lesson:
    """An accepted training."""

    job: str
    style: str
    #: How it ended, once it was seen to, and what was said of a failure.
    state: JobState | None = None
    error: Reason | None = None


class School:
    """Sends trainings and watches them, in a thread of its own, through everything that happens."""

    def __init__(self, url: str, folder: Path, bucket: S3Store) -> None:
        self._url = url
        photos = folder / "lessons"
        photos.mkdir()
        add_corpus(bucket, photos)
        self._painting = write_painting(folder)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._teach, name="school", daemon=True)
        self._deadline = float("inf")
        #: Every training that a 202 was given for.
        self.lessons: list[Lesson] = []

    def start(self) -> None:
        """Begin to teach."""
        self._thread.start()

    def end(self, seconds: float) -> None:
        """Send no more, and watch until the last training has ended or `seconds` have passed."""
        self._deadline = time.monotonic() + seconds
        self._ending.set()
        self._thread.join()

    def wrong(self, bucket: S3Store) -> list[str]:
        """Return what is not as it must be: a training that did not succeed, or other nets."""
        catalogue = StyleCatalogue(bucket)
        wrong = [
            f"training {lesson.job} is {lesson.state or 'not at its end'}: {lesson.error}"
            for lesson in self.lessons
            if lesson.state is not JobState.SUCCEEDED
        ]
        nets = {
            lesson.style: net_hashes(bucket, catalogue.get(lesson.style))
            for lesson in self.lessons
            if lesson.state is JobState.SUCCEEDED
        }
        first = next(iter(nets.values()), [])
        return wrong + [
            f"{style} came out as {hashes}, others as {first}"
            for style, hashes in nets.items()
            if hashes != first or not hashes
        ]

    def _teach(self) -> None:
        with Client(self._url) as client:
            for number in count(1):
                if self._ending.is_set():
                    return
                try:
                    style = f"lesson-{number}"
                    job = teach(client, self._painting, style, SCHEDULE)
                except ClientError:
                    time.sleep(LOOK_SECONDS)  # turned away, or its answer was lost
                    continue
                self.lessons.append(lesson := Lesson(job.id, style))
                self._watch(client, lesson)

    def _watch(self, client: Client, lesson: Lesson) -> None:
        while lesson.state is None and time.monotonic() < self._deadline:
            try:
                job = client.patiently(lambda: client.job(lesson.job))
                lesson.state, lesson.error = job.state if job.state.terminal else None, job.error
            except ServiceUnreachable:
                pass  # away for longer than a client's patience; the next look tells
            time.sleep(LOOK_SECONDS)
