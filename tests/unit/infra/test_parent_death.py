"""A guarded program: it dies with its parent, and its lock lives as long as it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from infra import parent_death
from infra.stack.supervision import guarded
from tests.integration.live_stack import lives, wait_until


def _start(lock: Path, parent: int, *program: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, parent_death.PARENT: str(parent)}
    return subprocess.Popen(
        guarded(program, lock), env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_program_keeps_its_process_id_and_becomes_the_parent_of_the_next(tmp_path: Path) -> None:
    """The guard is replaced by the program; pids are the programs' own."""
    script = f"import os; print(os.getpid(), os.environ[{parent_death.PARENT!r}])"
    with _start(tmp_path / "lock", os.getpid(), sys.executable, "-c", script) as child:
        answer, _ = child.communicate(timeout=10)
    assert answer.split() == [str(child.pid), str(child.pid)]


def test_a_program_holds_the_lock_while_it_lives(tmp_path: Path) -> None:
    """A new stack can wait for the last process of an old one."""
    lock = tmp_path / "lock"
    script = "print('up', flush=True); input()"
    with subprocess.Popen(
        guarded((sys.executable, "-c", script), lock),
        env={**os.environ, parent_death.PARENT: str(os.getpid())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        with lock.open("a") as file:
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            child.communicate("\n", timeout=10)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


DEAF = """
import signal, sys, time
from infra.parent_death import follow_parent
signal.signal(signal.SIGTERM, signal.SIG_IGN)
follow_parent(0.1)
print("up", flush=True)
time.sleep(1000)
"""

#: Starts a guarded program, says its process id once it is up, and dies.
PARENT = """
import os, subprocess, sys
from infra import parent_death
from infra.stack.supervision import guarded
lock, program = sys.argv[1:]
child = subprocess.Popen(
    guarded((sys.executable, "-c", program), lock),
    env={**os.environ, parent_death.PARENT: str(os.getpid())},
    stdout=subprocess.PIPE,
)
child.stdout.readline()
print(child.pid, flush=True)
"""


def test_a_program_that_does_not_listen_outlives_its_parent_by_little(tmp_path: Path) -> None:
    """It waits for a Redis that died with the same parent, say."""
    command = (sys.executable, "-c", PARENT, str(tmp_path / "lock"), DEAF)
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    wait_until(lambda: not _runs(int(told.stdout)), "the program to end")


def _runs(pid: int) -> bool:
    try:
        return lives(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_program_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    """The parent may die between the fork and the guard."""
    started = tmp_path / "started"
    with _start(tmp_path / "lock", 1, "touch", str(started)) as child:
        assert child.wait(10) == 1
    assert not started.exists()
