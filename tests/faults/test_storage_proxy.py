"""The suite's own proxy before S3: it breaks calls in every way, and the store bears it."""

from contextlib import suppress

import pytest

from infra.errors import ServiceUnavailable
from infra.storage.s3 import connect_s3
from tests.faults.stack.fault_stack import FaultStack
from tests.faults.stack.storage_proxy import Mischief

#: Objects that are written while a third of the calls break.
OBJECTS = 8

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("kind", Mischief)
def test_an_object_is_whole_or_not_there_however_calls_break(
    faulty: FaultStack, kind: Mischief
) -> None:
    """Never half of one."""
    store = connect_s3(faulty.settings)
    prefix = f"probe/{kind.name}/"
    bodies = {f"{prefix}{n}": bytes([n]) * 50_000 for n in range(OBJECTS)}
    before = faulty.storage.done[kind]
    with faulty.storage.trouble(0.3, [kind]):
        while faulty.storage.done[kind] == before:
            for key, body in bodies.items():
                with suppress(ServiceUnavailable):
                    store.put(key, body)
                    assert store.get(key) == body
    for info in store.list(prefix):
        assert store.get(info.key) == bodies[info.key]
    store.delete_prefix(prefix)
