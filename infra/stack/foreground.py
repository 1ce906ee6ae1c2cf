"""`impasto up`: a stack that runs until Ctrl-C."""

import signal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from infra import layout
from infra.errors import ServiceUnavailable
from infra.redis.address import redis_address
from infra.settings import Settings
from infra.stack.embedded import EmbeddedStack, Planner
from infra.stack.programs import REDIS, STORAGE, make_plan
from infra.tenants import jobs_before_keys

_EMBEDDED = """\
  data   {data}
         (jobs, photos, paintings, styles; it continues here next time)"""

_NAMED = """\
  data   {data}
         (logs, {embedded}and what large photos need; jobs, photos and styles are kept here:)
  redis  {redis}
  s3     {s3}"""


def run_foreground(
    settings: Settings, *, planner: Planner = make_plan, say: Callable[[str], None] | None = None
) -> None:
    """Start the stack, say where it is, and keep it until Ctrl-C or SIGTERM.

    Call it from the main thread. Raises StackRefused or StackFailed, with nothing left behind.
    """
    tell = say or _print
    stack = EmbeddedStack(settings, planner=planner, report=tell)
    with _signals_interrupt():
        try:
            tell(f"Starting Impasto on {settings.data.resolve()} ...")
            stack.start()
            stack.wait_ready()
            tell(_banner(stack))
            if note := _before_keys(stack.settings):
                tell(f"\n{note}")
            stack.wait()
        except KeyboardInterrupt:
            tell("\nStopping Impasto; running photos are given back and continue next time ...")
        finally:
            # From here a second Ctrl-C changes nothing: the end is near and orderly.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stack.stop()
    tell("Impasto has stopped.")


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def _signals_interrupt() -> Generator[None]:
    """SIGTERM (and SIGINT, even where a shell had it ignored) raises KeyboardInterrupt."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _before_keys(settings: Settings) -> str | None:
    from infra.storage.s3 import connect_s3  # slow to import, and seldom needed

    def has_jobs(tenant: str) -> bool:
        return any(connect_s3(settings).list(layout.newest_prefix(tenant)))

    try:
        return jobs_before_keys(settings.api_keys, has_jobs)
    except ServiceUnavailable:
        return None  # it is no reason to end


def describe_stores(settings: Settings, ports: Mapping[str, int], data: Path) -> str:
    """Return the stores that are really in use, a line or two each, and no secret.

    `settings` are those of the programs, and `ports` those of the stack's own: a server without
    one is somebody else's.
    """
    own = [name for name in (REDIS, STORAGE) if name in ports]
    if len(own) == 2:
        return _EMBEDDED.format(data=data)
    ours = "embedded, in the data folder"
    return _NAMED.format(
        data=data,
        embedded="what the embedded server keeps, " if own else "",
        redis=ours if REDIS in ports else _redis(settings),
        s3=ours if STORAGE in ports else f"{_public(settings)}, bucket {settings.s3_bucket}",
    )


def _redis(settings: Settings) -> str:
    return redis_address(settings).public if settings.redis_url else "none"


def _public(settings: Settings) -> str:
    parts = urlsplit(settings.s3_endpoint or "")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _banner(stack: EmbeddedStack) -> str:
    state = stack.state
    stores = describe_stores(stack.settings, state.ports, state.data)
    return f"""
Impasto is ready at {state.url}

{stores}
  logs   {state.data / "logs"}
  try    impasto stylize my-photos/*.jpg --style water-lilies --out my-paintings
         impasto styles
         curl {state.url}/v1/styles
         (in another folder, first: export IMPASTO_URL={state.url})

Press Ctrl-C to stop."""
