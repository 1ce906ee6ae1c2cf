"""supervisord, which restarts what dies: its configuration, and its answers about programs."""

import http.client
import shlex
import socket
import sys
import xmlrpc.client
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

from infra import parent_death
from infra.stack import supervisor_main
from infra.stack.programs import Program

#: Name of its log file.
SUPERVISOR = "supervisord"

#: Environment variables that the configuration refers to. Commands and the socket go this way, and
#: all other paths are relative, because nothing quotes a "%" or a " #" in the configuration.
SOCKET_VARIABLE = "IMPASTO_SUPERVISOR_SOCKET"
COMMAND_VARIABLE = "IMPASTO_COMMAND_{}"

#: Seconds that an answer of the supervisor may take.
RPC_TIMEOUT = 5.0

_SERVER = f"""\
[supervisord]
nodaemon=true
silent=true
identifier=impasto
pidfile=supervisord.pid
logfile=../logs/{SUPERVISOR}.log
logfile_maxbytes=5MB
logfile_backups=1

[unix_http_server]
file=%(ENV_{SOCKET_VARIABLE})s
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

# A program that ends within a second counts as a failed start and is started again 1, 2, 3, ...
# seconds later; one that ran longer is restarted at once. SIGTERM goes to the program alone: the
# worker's and the API's main processes end their children in order. A late group is killed whole.
_PROGRAM = """
[program:{name}]
command=%(ENV_{variable})s
priority={priority}
autorestart=true
startsecs=1
startretries=20
stopsignal=TERM
stopwaitsecs={stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile=../logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def configuration(programs: Iterable[Program]) -> str:
    """Return supervisord's configuration; it must start in the data folder's `run`."""
    sections = (
        _PROGRAM.format(
            name=program.name,
            variable=COMMAND_VARIABLE.format(program.name.upper()),
            priority=program.priority,
            stop_seconds=program.stop_seconds,
        )
        for program in programs
    )
    return _SERVER + "".join(sections)


def environment(programs: Iterable[Program], socket_path: Path, lock: Path) -> dict[str, str]:
    """Return the variables that the configuration and the programs need."""
    variables = {SOCKET_VARIABLE: str(socket_path)}
    for program in programs:
        name = COMMAND_VARIABLE.format(program.name.upper())
        variables[name] = shlex.join(guarded(program.command, lock))
        variables |= program.environment
    return variables


def command(config: Path, lock: Path) -> tuple[str, ...]:
    """Return the command of a supervisord that dies with us."""
    # By path, so that it imports nothing else of ours; -P, so that nothing beside it is found.
    program = str(Path(supervisor_main.__file__))
    server = (sys.executable, "-P", program, "--configuration", str(config))
    return guarded(server, lock)


def guarded(program: tuple[str, ...], lock: Path) -> tuple[str, ...]:
    """Return the command of a program under the parent-death guard; see `infra.parent_death`."""
    # By path and isolated, so that it starts in milliseconds whatever else is installed.
    return (sys.executable, "-I", "-S", str(Path(parent_death.__file__)), str(lock), *program)


class ProgramState(StrEnum):
    """State of a program, as supervisord names it."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    #: Ended too quickly; will be started again.
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    #: Given up.
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Process:
    """One program as it is now; `pid` is None while it does not run."""

    name: str
    state: ProgramState
    pid: int | None
    description: str


class Supervisor:
    """A running supervisord, asked over its socket."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    def processes(self) -> dict[str, Process]:
        """Return every program by name; raises OSError while nobody answers."""
        try:
            answer = self._ask("supervisor.getAllProcessInfo")
        except (xmlrpc.client.Error, http.client.HTTPException) as error:
            raise OSError(f"supervisord answered {error}") from error
        found = map(_process, cast("list[dict[str, object]]", answer))
        return {process.name: process for process in found}

    def _ask(self, method: str) -> object:
        with closing(_UnixConnection(self._path)) as connection:
            question = xmlrpc.client.dumps((), method)
            connection.request("POST", "/RPC2", question, {"Content-Type": "text/xml"})
            answer = connection.getresponse().read()
        values, _ = xmlrpc.client.loads(answer.decode())
        return values[0]


def _process(info: dict[str, object]) -> Process:
    return Process(
        name=str(info["name"]),
        state=ProgramState(str(info["statename"])),
        pid=cast("int", info["pid"]) or None,
        description=str(info["spawnerr"] or info["description"]),
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=RPC_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(RPC_TIMEOUT)
        self.sock.connect(str(self._path))
