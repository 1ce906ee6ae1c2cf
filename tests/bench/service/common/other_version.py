"""A stack that another version of this repository runs."""

import http.client
import json
import subprocess
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

import psutil

from tests.bench.common.environments import clean_environment
from tests.integration.live_stack import lives, wait_until

#: Seconds until a stack must be ready, on a machine that is busy with other things.
READY_SECONDS: Final = 600.0


class OtherStack:
    """`impasto up` of another version, and everything that it starts. Leaving it kills it."""

    def __init__(self, environment: Path, data: Path, settings: Mapping[str, object]) -> None:
        self._environment = environment
        self._data = data
        self._variables = {
            **clean_environment(),
            **{f"IMPASTO_{name.upper()}": str(value) for name, value in settings.items()},
            "IMPASTO_DATA": str(data),
        }
        self._front: psutil.Popen | None = None

    def __enter__(self) -> Self:
        self._front = psutil.Popen(
            [str(self._environment / "bin" / "impasto"), "up"],
            cwd=self._data.parent,
            env=self._variables,
            stdin=subprocess.DEVNULL,
        )
        wait_until(self._is_ready, "the other version to be ready", READY_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Address of its API."""
        return json.loads((self._data / "stack.json").read_text())["url"]

    def command(self, *arguments: str) -> None:
        """Run an `impasto` command of that version against the stack."""
        impasto = str(self._environment / "bin" / "impasto")
        subprocess.run(
            [impasto, *arguments], cwd=self._data.parent, env=self._variables, check=True
        )

    def kill(self) -> int:
        """Kill every process at once, as a power cut does; returns how many there were."""
        if self._front is None:
            return 0
        # Parents first, so that nobody is there to start a child again.
        processes = [self._front, *self._front.children(recursive=True)]
        for process in processes:
            if process.is_running():
                process.kill()
        self._front.wait()
        self._front = None
        wait_until(lambda: not any(map(lives, processes)), "every process to be gone")
        return len(processes)

    def _is_ready(self) -> bool:
        assert self._front is not None
        assert self._front.poll() is None, "the other version's stack has ended"
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return answer.status == HTTPStatus.OK
        except (OSError, ValueError, http.client.HTTPException):
            return False
