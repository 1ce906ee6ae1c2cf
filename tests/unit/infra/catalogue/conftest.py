"""A catalogue of styles over objects in memory."""

import pytest

from infra.catalogue import StyleCatalogue
from tests.fakes.storage import MemoryStore


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def catalogue(objects: MemoryStore) -> StyleCatalogue:
    return StyleCatalogue(objects)
