"""Everything on one machine: embedded Redis and S3, the API and a worker, kept alive."""

from infra.stack.embedded import EmbeddedStack
from infra.stack.errors import StackFailed, StackRefused
from infra.stack.foreground import run_foreground
from infra.stack.state import StackState, running_stack

__all__ = [
    "EmbeddedStack",
    "StackFailed",
    "StackRefused",
    "StackState",
    "run_foreground",
    "running_stack",
]
