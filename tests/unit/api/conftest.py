"""The app over services in memory."""

import logging
import threading
from collections.abc import Iterator
from functools import partial

import pytest
import structlog
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from api.app import create_app
from tests.fakes.services import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return create_app(world.services()).test_client()


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """Keep the service's log out of what a command prints in the same process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def service(quiet_log: None, world: World) -> Iterator[str]:
    """The app on a free port, a worker and a trainer behind it; yields its address."""
    server = make_server("127.0.0.1", 0, create_app(world.services()), threaded=True)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            world.work(world.paint)
            world.learn()
            world.preview()

    serve = partial(server.serve_forever, poll_interval=0.02)
    threads = [threading.Thread(target=target) for target in (serve, work)]
    for thread in threads:
        thread.start()
    yield f"http://127.0.0.1:{server.port}"
    stop.set()
    server.shutdown()
    server.server_close()
    for thread in threads:
        thread.join()
