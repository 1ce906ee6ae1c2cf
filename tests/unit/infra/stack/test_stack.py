"""The supervisor's promises, on small stand-in programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from infra.settings import Settings
from infra.stack import EmbeddedStack, StackFailed, StackRefused, running_stack
from infra.stack.programs import API
from infra.stack.supervision import ProgramState
from tests.fakes.stack import (
    UNREADY,
    Standins,
    processes_on,
    python,
    wait_until_gone,
)

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A running stack of stand-ins, in a folder whose name needs quoting everywhere."""
    data = tmp_path_factory.mktemp("data") / 'a #1 "50%" ;folder'
    with EmbeddedStack(Settings(data=data, port=0), planner=Standins()) as stack:
        stack.wait_ready(20)
        yield stack
    assert wait_until_gone(data, 5) == []


def _until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def _pid(stack: EmbeddedStack, name: str) -> int | None:
    process = stack.processes().get(name)
    running = process is not None and process.state is ProgramState.RUNNING
    return process.pid if process and running else None


@pytest.mark.parametrize("name", [API, "parent"])
def test_a_killed_program_comes_back_under_the_same_address(
    stack: EmbeddedStack, name: str
) -> None:
    """Supervision: whatever dies is started again."""
    _until(lambda: _pid(stack, name) is not None)
    before = _pid(stack, name)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    _until(lambda: _pid(stack, name) not in (None, before))
    stack.wait_ready(10)


def test_a_running_stack_is_found_by_its_data_folder(stack: EmbeddedStack) -> None:
    """The CLI needs no settings to find a stack on this machine."""
    found = running_stack(stack.state.data)
    assert found == stack.state
    assert found is not None
    assert set(found.processes()) == {API, "parent"}
    assert (stack.state.data / "stack.json").stat().st_mode & 0o777 == 0o600


def test_a_second_stack_on_the_same_data_says_where_the_first_is(stack: EmbeddedStack) -> None:
    """One stack a data folder."""
    second = EmbeddedStack(Settings(data=stack.state.data, port=0), planner=Standins())
    with pytest.raises(StackRefused) as refusal:
        second.start()
    assert stack.url in refusal.value.detail
    assert str(os.getpid()) in refusal.value.detail


def test_programs_get_the_settings_through_their_environment(stack: EmbeddedStack) -> None:
    """The working directory and the addresses are the stack's, not the user's."""
    _until(lambda: _pid(stack, API) is not None)
    program = psutil.Process(_pid(stack, API))
    assert program.environ()["IMPASTO_URL"] == stack.url
    assert program.cwd() == str(stack.state.data / "run")


def test_what_programs_print_is_in_their_log(stack: EmbeddedStack) -> None:
    """Logs lie in the data folder, a file a program."""
    log = stack.state.data / "logs" / "parent.log"
    _until(lambda: log.exists() and "the parent works" in log.read_text())


def test_stopping_ends_grandchildren_too_and_starting_again_keeps_the_port(tmp_path: Path) -> None:
    """A stack that was stopped continues where it was."""
    settings = Settings(data=tmp_path, port=0)
    with EmbeddedStack(settings, planner=Standins()) as first:
        first.wait_ready(20)
        _until(lambda: len(processes_on(tmp_path)) == 4)  # supervisord, API, parent, its child
    assert processes_on(tmp_path) == []
    assert running_stack(tmp_path) is None
    with EmbeddedStack(settings, planner=Standins()) as second:
        assert second.settings.port == first.settings.port


def _start_front(data: Path, mode: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.fakes.stack", str(data), mode]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def _wait_for_line(front: "subprocess.Popen[str]", text: str) -> None:
    assert front.stdout is not None
    for line in front.stdout:
        if text in line:
            return
    pytest.fail(f"the front ended without saying {text!r}")


@pytest.mark.parametrize("mode", ["wait", "raise"])
def test_no_process_is_left_when_the_front_is_killed_or_fails(tmp_path: Path, mode: str) -> None:
    """kill -9 of the front cannot be handled by it; the kernel tells the supervisor."""
    with _start_front(tmp_path, mode) as front:
        _wait_for_line(front, "ready")
        if mode == "wait":
            assert len(processes_on(tmp_path)) >= 3
            front.kill()
        assert front.wait(20) != 0
    assert wait_until_gone(tmp_path, 15) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_foreground_stack_stops_in_order_on_ctrl_c_and_sigterm(
    tmp_path: Path, number: signal.Signals
) -> None:
    """`impasto up` ends with exit code 0 and nothing left, even if asked twice."""
    with _start_front(tmp_path, "foreground") as front:
        _wait_for_line(front, "Press Ctrl-C")
        front.send_signal(number)
        time.sleep(0.3)
        front.send_signal(number)
        assert front.wait(20) == 0
        assert processes_on(tmp_path) == []


def test_no_process_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """Its programs die with it; the front says what happened."""
    with EmbeddedStack(Settings(data=tmp_path, port=0), planner=Standins()) as stack:
        stack.wait_ready(20)
        os.kill(stack.state.supervisor_pid, signal.SIGKILL)
        with pytest.raises(StackFailed, match="supervisor"):
            stack.wait()
    assert wait_until_gone(tmp_path, 5) == []


def test_a_stack_waits_for_the_processes_of_a_killed_one(tmp_path: Path) -> None:
    """Two Redis servers must never write the same file."""
    with _start_front(tmp_path, "wait") as front:
        _wait_for_line(front, "ready")
        front.kill()
        front.wait(20)
    old = {process.pid for process in processes_on(tmp_path)}
    told: list[str] = []
    settings = Settings(data=tmp_path, port=0)
    with EmbeddedStack(settings, planner=Standins(), report=told.append) as stack:
        assert old.isdisjoint(process.pid for process in processes_on(tmp_path))
        assert any("earlier stack" in line for line in told)
        stack.wait_ready(20)


def test_a_stack_that_does_not_get_ready_shows_the_log_of_the_part_to_blame(tmp_path: Path) -> None:
    """A failed start explains itself."""
    planner = Standins(
        python(API, UNREADY),
        python("redis", "import time; print('no space left', flush=True); time.sleep(1000)"),
    )
    told: list[str] = []
    settings = Settings(data=tmp_path, port=0)
    stack = EmbeddedStack(settings, planner=planner, report=told.append)
    with stack, pytest.raises(StackFailed, match="redis is away"):
        stack.wait_ready(3)
    assert any("waiting for redis is away" in line for line in told)
    assert any("no space left" in line for line in told)


def test_a_program_that_ends_again_and_again_is_not_waited_for(tmp_path: Path) -> None:
    """A broken program is told at once, with its last words."""
    broken = python("worker", "import time; print('no GPU', flush=True); time.sleep(1.1); exit(1)")
    told: list[str] = []
    settings = Settings(data=tmp_path, port=0)
    stack = EmbeddedStack(
        settings, planner=Standins(python(API, UNREADY), broken), report=told.append
    )
    with stack, pytest.raises(StackFailed, match="worker ends again and again"):
        stack.wait_ready(60)
    assert any("no GPU" in line for line in told)


def test_a_deep_data_folder_has_its_socket_elsewhere_and_leaves_nothing_there(
    tmp_path: Path,
) -> None:
    """Paths of Unix sockets are short."""
    data = tmp_path / ("deep" * 20) / ("deeper" * 10)
    with EmbeddedStack(Settings(data=data, port=0), planner=Standins()) as stack:
        stack.wait_ready(20)
        elsewhere = stack.state.socket.parent
        assert not elsewhere.is_relative_to(data)
        assert elsewhere.stat().st_mode & 0o777 == 0o700
        assert API in stack.processes()
    assert not elsewhere.exists()


def test_a_host_that_others_reach_needs_keys(tmp_path: Path) -> None:
    """Nobody's machine becomes a public service by accident."""
    open_door = Settings(data=tmp_path, host="0.0.0.0", port=0)
    with pytest.raises(StackRefused, match="IMPASTO_API_KEYS"):
        EmbeddedStack(open_door, planner=Standins()).start()
    guarded = open_door.model_copy(update={"api_keys": {"alice": SecretStr("key")}})
    with EmbeddedStack(guarded, planner=Standins()) as stack:
        stack.wait_ready(20)


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Nothing runs on it, and nothing can."""
    data = tmp_path / "file"
    data.touch()
    assert running_stack(data) is None
    with pytest.raises(StackRefused, match="IMPASTO_DATA"):
        EmbeddedStack(Settings(data=data), planner=Standins()).start()


def test_a_failing_plan_leaves_the_data_folder_free(tmp_path: Path) -> None:
    """A start that did not succeed holds no lock."""

    def refuse(*_arguments: object, **_named: object) -> None:
        raise StackRefused("no")

    with pytest.raises(StackRefused, match="no"):
        EmbeddedStack(Settings(data=tmp_path), planner=refuse).start()  # pyright: ignore[reportArgumentType]
    with EmbeddedStack(Settings(data=tmp_path, port=0), planner=Standins()) as stack:
        assert running_stack(tmp_path) == stack.state
