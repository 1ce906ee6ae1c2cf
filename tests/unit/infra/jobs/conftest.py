"""A job service over memory."""

import pytest

from tests.fakes.service import FakeDeployment


@pytest.fixture
def world() -> FakeDeployment:
    return FakeDeployment()
