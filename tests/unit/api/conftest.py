"""The app over services in memory."""

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from tests.fakes.services import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return create_app(world.services()).test_client()
