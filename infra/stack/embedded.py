"""A whole Impasto on one machine, as a context manager."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from infra import parent_death
from infra.settings import Settings
from infra.stack import supervision
from infra.stack.credentials import Credentials, keep_credentials
from infra.stack.environment import program_environment
from infra.stack.errors import StackFailed, StackRefused
from infra.stack.folder import DataFolder, take_lock, write_private
from infra.stack.programs import Plan, make_plan
from infra.stack.readiness import log_tail, never_stays_up, to_blame, waiting_for
from infra.stack.state import StackState, read_state, write_state
from infra.stack.supervision import Process

#: Seconds that processes of an earlier stack, whose front was killed, get to end.
LEFTOVER_SECONDS = 60.0
#: Seconds until a stack must be ready. A first start imports PyTorch and publishes styles.
READY_SECONDS = 120.0
#: Seconds between two looks at a stack that is not ready.
POLL_SECONDS = 0.3
#: Log of what supervisord says before it can log.
SUPERVISOR_ERRORS = "supervisord-errors"
#: Seconds that supervisord itself may take to end, beyond what its programs may.
SUPERVISOR_STOP_SECONDS = 10


class Planner(Protocol):
    """Decides which programs a stack has; `make_plan` in production, another in tests."""

    def __call__(self, settings: Settings, folder: DataFolder, credentials: Credentials) -> Plan:
        """Choose ports and programs."""
        ...


def say(line: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class EmbeddedStack:
    """Redis, S3, API and worker as child processes over one data folder.

    Entering starts them under a supervisor, which restarts whatever dies; leaving ends them all,
    and so does the death of this process, whatever kills it. Start it from the main thread: the
    kernel takes the end of the starting thread for the end of the process.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        planner: Planner = make_plan,
        report: Callable[[str], None] = say,
    ) -> None:
        self._requested = settings
        self._planner = planner
        self._report = report
        self._folder: DataFolder | None = None
        self._lock: TextIO | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._state: StackState | None = None
        self._plan: Plan | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def settings(self) -> Settings:
        """Return the settings of the programs: every address and key is filled in."""
        assert self._plan is not None, "the stack was not started"
        return self._plan.settings

    @property
    def state(self) -> StackState:
        """Return how to reach the stack."""
        assert self._state is not None, "the stack was not started"
        return self._state

    @property
    def url(self) -> str:
        """Return the API's address."""
        return self.state.url

    def start(self) -> None:
        """Start every program; they need a moment until they are ready.

        Raises StackRefused when the settings are unsafe, the data folder cannot be one, or a stack
        runs on it already.
        """
        _refuse_open_door(self._requested)
        folder = self._folder = _prepare(self._requested.data)
        try:
            self._take(folder)
            credentials = keep_credentials(folder.run / "credentials.json")
            self._plan = self._planner(self._requested, folder, credentials)
            self._launch(folder, self._plan)
        except BaseException:
            self.stop()
            raise

    def _take(self, folder: DataFolder) -> None:
        # A second's patience: `running_stack` of another process may hold the lock for a moment.
        self._lock = take_lock(folder.front_lock, wait_seconds=1.0)
        if self._lock is None:
            raise StackRefused(_already_running(folder))
        leftovers = take_lock(folder.programs_lock)
        if leftovers is None:
            self._report("Waiting for the processes of an earlier stack to end ...")
            leftovers = take_lock(folder.programs_lock, wait_seconds=LEFTOVER_SECONDS)
        if leftovers is None:
            raise StackRefused(f"Processes of an earlier stack still use {folder.root}; end them.")
        leftovers.close()

    def _launch(self, folder: DataFolder, plan: Plan) -> None:
        config, lock, socket = (
            folder.run / "supervisord.conf",
            folder.programs_lock,
            folder.socket(),
        )
        write_private(config, supervision.configuration(plan.programs))
        environment = {
            **program_environment(plan.settings, os.environ),
            **supervision.environment(plan.programs, socket, lock),
            parent_death.PARENT: str(os.getpid()),
        }
        with folder.log(SUPERVISOR_ERRORS).open("wb") as errors:
            self._supervisor = subprocess.Popen(  # noqa: S603 - our own command
                supervision.command(config, lock),
                cwd=folder.run,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                # Ctrl-C in the terminal is for the front alone, which then stops all in order.
                start_new_session=True,
            )
        self._state = StackState(
            url=plan.settings.url,
            data=folder.root,
            pid=os.getpid(),
            supervisor_pid=self._supervisor.pid,
            socket=socket,
            ports=dict(plan.ports),
        )
        write_state(folder, self._state)

    def stop(self) -> None:
        """End every program, last started first, and wait until the last is gone."""
        if self._supervisor is not None and self._folder is not None:
            self._end(self._supervisor, self._folder)
            self._supervisor = None
        if self._state is not None:
            _clear(self._state)
            self._state = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _end(self, supervisor: "subprocess.Popen[bytes]", folder: DataFolder) -> None:
        programs = self._plan.programs if self._plan else ()
        patience = sum(program.stop_seconds for program in programs) + SUPERVISOR_STOP_SECONDS
        supervisor.terminate()
        try:
            supervisor.wait(patience)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()
        # If it was killed, by us or others, the guard of its programs ends them.
        last = take_lock(folder.programs_lock, wait_seconds=patience)
        if last is None:
            self._report(f"Some processes that use {folder.root} do not end.")
        else:
            last.close()

    def processes(self) -> dict[str, Process]:
        """Return every program by name; none before the supervisor listens."""
        try:
            return self.state.processes()
        except OSError:
            return {}

    def wait(self) -> None:
        """Block while the supervisor lives.

        Raises StackFailed when it ends, which it does not by itself.
        """
        assert self._supervisor is not None, "the stack was not started"
        self._supervisor.wait()
        raise StackFailed("The supervisor of the stack was killed, and its programs with it.")

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Block until /readyz answers 200, reporting what it waits for.

        Raises StackFailed, after reporting the end of the failed part's log, when a program has
        been given up or `timeout` seconds have passed.
        """
        deadline = time.monotonic() + timeout
        message = None
        starts: dict[str, set[int]] = {}
        while (waits := waiting_for(self.url)) is not None:
            if waits != message:
                self._report(f"  waiting for {waits}")
                message = waits
            processes = self.processes().values()
            if (broken := never_stays_up(processes, starts)) is not None:
                self._fail(f"{broken} ends again and again", [broken])
            if self._supervisor is None or self._supervisor.poll() is not None:
                self._fail("The supervisor ended", [SUPERVISOR_ERRORS])
            if time.monotonic() > deadline:
                trouble = f"The stack was not ready after {timeout:.0f} s, waiting for {waits}"
                self._fail(trouble, to_blame(processes, waits))
            time.sleep(POLL_SECONDS)

    def _fail(self, trouble: str, blamed: Iterable[str]) -> None:
        folder = DataFolder(self.state.data)
        for name in blamed:
            self._report(log_tail(folder, name))
        raise StackFailed(f"{trouble}; the logs are in {folder.logs}.")


def _clear(state: StackState) -> None:
    DataFolder(state.data).state.unlink(missing_ok=True)
    state.socket.unlink(missing_ok=True)
    if not state.socket.is_relative_to(state.data):
        shutil.rmtree(state.socket.parent, ignore_errors=True)


def _refuse_open_door(settings: Settings) -> None:
    if settings.open_to_strangers:
        raise StackRefused(
            f"Anybody who reaches {settings.host!r} could use this service: set IMPASTO_API_KEYS "
            'to keys such as {"alice": "a-long-secret"}, or IMPASTO_HOST to 127.0.0.1.'
        )


def _prepare(data: Path) -> DataFolder:
    try:
        return DataFolder.prepare(data)
    except OSError as error:
        raise StackRefused(
            f"{error.filename} cannot be made, or be used as a folder ({error.strerror}); name "
            "another one by IMPASTO_DATA or --data."
        ) from error


def _already_running(folder: DataFolder) -> str:
    state = read_state(folder)
    if state is None:
        return f"A stack is just starting or stopping on {folder.root}."
    return f"A stack already runs on {folder.root}: {state.url} (process {state.pid})."
