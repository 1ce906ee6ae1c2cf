"""`impasto up`: a stack that runs until Ctrl-C."""

import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from infra.settings import Settings
from infra.stack.embedded import EmbeddedStack, Planner
from infra.stack.programs import make_plan


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


def _banner(stack: EmbeddedStack) -> str:
    state = stack.state
    return f"""
Impasto is ready at {state.url}

  data   {state.data}
         (jobs, photos, paintings, styles; it continues here next time)
  logs   {state.data / "logs"}
  try    impasto stylize my-photos/*.jpg --style water-lilies --out my-paintings
         impasto styles
         curl {state.url}/v1/styles
         (in another folder, first: export IMPASTO_URL={state.url})

Press Ctrl-C to stop."""
