"""An album and a training through a Redis that is not embedded: by TLS, with every option."""

import time
from pathlib import Path

import pytest

from impasto_client import Client, JobState
from infra.stack import EmbeddedStack
from infra.stack.programs import API, TRAINER, WORKER
from infra.stack.readiness import waiting_for
from infra.storage.s3 import connect_s3
from tests.faults.stack.fault_stack import READY_SECONDS
from tests.integration.live_stack import wait_until
from tests.integration.live_training import (
    add_corpus,
    finished,
    submit_training,
    training_settings,
    write_painting,
)
from tests.photos import encoded, scene
from tests.redis_over_tls import HANDSHAKE, PASSWORD, redis_over_tls

#: Seconds until the album must be painted.
ALBUM_SECONDS = 240.0
PHOTOS = 6
OPTIONS = (
    "?protocol=3&health_check_interval=10&socket_timeout=8&max_connections=20"
    "&client_name=impasto&db=1"
)

pytestmark = pytest.mark.timeout(900)


def test_album_and_training_come_to_their_end_and_nothing_leaves_unencrypted(
    tmp_path: Path,
) -> None:
    """Redis listens on no port, so API, worker and trainer reach it through the recorder alone."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(PHOTOS):
        (photos / f"{number}.jpg").write_bytes(encoded(scene(160 + number, 120), "JPEG"))
    with redis_over_tls(tmp_path) as server:
        named = server.settings(OPTIONS)
        settings = training_settings(
            tmp_path / "data",
            redis_url=named.redis_url,
            redis_ca_certs=server.authority,
            chunk_photos=2,
            engine="torch",
        )
        with EmbeddedStack(settings, report=lambda _line: None) as stack:
            stack.wait_ready(READY_SECONDS)
            assert set(stack.processes()) == {"s3", API, WORKER, TRAINER}
            (tmp_path / "corpus").mkdir()
            add_corpus(connect_s3(stack.settings), tmp_path / "corpus")
            with Client(stack.url) as client:
                training = submit_training(client, write_painting(tmp_path), "learnt", "0.2:2")
                job = client.submit(sorted(photos.iterdir()), style="water-lilies")
                deadline = time.monotonic() + ALBUM_SECONDS
                while not job.state.terminal and time.monotonic() < deadline:
                    time.sleep(0.5)
                    job = client.job(job.id)
                assert (job.state, job.counts.done) == (JobState.SUCCEEDED, PHOTOS)
                assert finished(client, training.id).state is JobState.SUCCEEDED
                assert [stage.ratio for stage in client.stages("learnt")] == [0.2]
                results = [client.download(item, tmp_path / "out") for item in client.items(job.id)]
            assert [path.name for path in results] == [f"{n}.jpg" for n in range(PHOTOS)]
        assert {sent[0] for sent in server.recorder.sent if sent} == {HANDSHAKE}
        words = (PASSWORD, "AUTH", "HELLO", "BRPOP", "impasto", job.id, training.id)
        assert server.recorder.in_clear_text(*words) == []
        logs = "".join(path.read_text() for path in (tmp_path / "data" / "logs").glob("*.log*"))
        assert PASSWORD not in logs


def test_wrong_authority_is_reported_by_readiness(tmp_path: Path) -> None:
    """In words that say what to do, and without a job that would wait for ever."""
    with redis_over_tls(tmp_path) as server:
        settings = server.settings(
            redis_ca_certs=server.stranger, data=tmp_path / "data", port=0, device="cpu"
        )
        with EmbeddedStack(settings, report=lambda _line: None) as stack:

            def told() -> bool:
                return "IMPASTO_REDIS_CA_CERTS" in (waiting_for(stack.url) or "")

            wait_until(told, "readiness to tell of the certificate", READY_SECONDS)
        assert server.recorder.in_clear_text(PASSWORD) == []
