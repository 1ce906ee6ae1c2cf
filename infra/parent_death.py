"""The parent-death guard. `python parent_death.py LOCK PROGRAM...` becomes a guarded program.

A guarded program does not outlive its parent. On Linux the kernel sends it SIGTERM when its parent
dies, even by kill -9 (prctl, PR_SET_PDEATHSIG). It also holds a shared lock on the file LOCK for as
long as it or a child of its lives, so that a new stack on the same data waits until the last
process of an old one is gone. Standard library only: it starts quickly.
"""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time

#: Linux, sys/prctl.h.
PR_SET_PDEATHSIG = 1

#: Environment variable with the process id of whoever starts a guarded program.
PARENT = "IMPASTO_GUARD_PARENT"


def die_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process `number` when its parent (of that process id) is dead.

    Linux only; elsewhere nothing happens. The parent must have started this process from a thread
    that lives as long as it does: prctl(2) means the thread. Raises SystemExit when the parent is
    dead already.
    """
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise SystemExit(f"Process {parent}, the parent, died before this one was guarded.")


#: Seconds that a guarded program gets to end once its parent is dead; more than the supervisor
#: gives to any.
ORPHAN_SECONDS = 30.0


def follow_parent(seconds: float = ORPHAN_SECONDS) -> None:
    """End this program `seconds` after its parent's death at the latest, if it is guarded.

    The kernel's SIGTERM asks once, and a program that waits for a server of the same stack, which
    is gone too, may not listen. A thread of its own, because a signal has only one handler.
    """
    if os.environ.get(PARENT) == str(os.getpid()):
        threading.Thread(
            target=_follow, args=(os.getppid(), seconds), name="parent-death", daemon=True
        ).start()


def _follow(parent: int, seconds: float) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Guard and lock, then replace this process by the program."""
    lock, *program = sys.argv[1:]
    die_with_parent(int(os.environ[PARENT]))
    # The program keeps this process id, and may start guarded programs of its own.
    os.environ[PARENT] = str(os.getpid())
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.set_inheritable(descriptor, True)
    os.execvp(program[0], program)  # noqa: S606 - the stack names the program


if __name__ == "__main__":
    main()
