"""The developer's entry: `python3 infra/dev.py demo`, on a machine that has nothing but Python.

The first run makes `.venv` beside pyproject.toml and installs everything into it; later runs find
it there. Until then only the standard library is used. Then this file runs again, as the module
`infra.dev` in that environment.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "infra" / "constraints.txt"
BENCHES = ROOT / "tests" / "bench"
#: Written last: an environment without it was not finished.
STAMP = VENV / "impasto-stamp.txt"
INSTALL_LOG = VENV / "install.log"

#: Pythons that every dependency has wheels for.
PYTHONS = ((3, 11), (3, 12))
EXTRAS = "api,worker,trainer,dev"

#: Two files at a time, because many tests wait for real processes; in their order, in which those
#: that take longest come first.
EVERY_TEST = (
    *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
    # Without a process that replaces it, the test that ended one is named; with one, it hangs.
    *("--max-worker-restart", "0", "tests"),
)

#: Seconds that an interrupted command gets to end by itself.
GRACE_SECONDS = 20
#: Lines of the installation's log shown when it failed.
LOG_LINES = 25

GUIDE = """\
commands:
  demo    paint an album: starts a whole Impasto, sends photos through HTTP, keeps the results
  test    run every test; more arguments go to pytest:  infra/dev.py test -k stack -x
  up      run Impasto until Ctrl-C, data in ./.impasto
  check   lint, formatting, types and the layering of the packages
  bench   run one measurement:  infra/dev.py bench NAME

first steps:
  python3 infra/dev.py demo                                    five sample photos
  python3 infra/dev.py demo --photos ~/Pictures --out painted  your own
"""


def main() -> int:
    """Parse, make the environment if needed, do what was asked; the process's exit code."""
    options, rest = _parser().parse_known_args()
    if rest and options.command not in ("test", "up", "bench"):
        _parser().error(f"{options.command} does not take {' '.join(rest)}")
    signal.signal(signal.SIGTERM, _interrupt)
    if options.command == "bench" and options.name not in _measurements():
        return _list_measurements(options.name)
    try:
        if __package__ != "infra":
            return _bootstrap()
        return COMMANDS[options.command](options, rest)
    except KeyboardInterrupt:
        print("\nStopped; no process is left.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra/dev.py",
        description="Try, test and run Impasto. The first run installs it into .venv (a minute).",
        epilog=GUIDE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="paint an album through HTTP")
    demo.add_argument("--photos", type=Path, help="folder of photos (default: samples)")
    demo.add_argument(
        "--out", type=Path, default=Path("impasto-demo"), help="default: ./impasto-demo"
    )
    demo.add_argument("--style", default="water-lilies", help="default: water-lilies")
    demo.add_argument("--data", type=Path, help="keep the stack's data here (default: throw away)")
    commands.add_parser("test", help="run every test; more arguments go to pytest")
    commands.add_parser("up", help="run Impasto until Ctrl-C")
    commands.add_parser("check", help="lint, formatting, types, layers")
    # Each measurement explains its own options; without a name, the names are listed.
    bench = commands.add_parser("bench", help="run one measurement", add_help=False)
    bench.add_argument("name", nargs="?")
    return parser


def _measurements() -> dict[str, Path]:
    """Every measurement by its name: the files one room below tests/bench."""
    found = BENCHES.glob("*/[!_]*.py")
    return {path.stem: path for path in found if path.parent.name != "common"}


def _list_measurements(asked: str | None) -> int:
    print("Measurements; infra/dev.py bench NAME runs one, bench NAME --help says more:\n")
    for name, path in sorted(_measurements().items()):
        about = ast.get_docstring(ast.parse(path.read_text())) or ""
        print(f"  {name:<11} {about.partition(chr(10))[0]}")
    return 0 if asked is None else 2


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# --- The environment: standard library only ---------------------------------------------------


def _bootstrap() -> int:
    if sys.version_info[:2] not in PYTHONS:
        return _with_other_python()
    if not _install_if_needed():
        return 1
    python = str(_program("python"))
    # -P: neither this folder nor the user's may shadow an installed package.
    return _become([python, "-P", "-m", "infra.dev", *sys.argv[1:]])


def _with_other_python() -> int:
    for major, minor in reversed(PYTHONS):
        name = f"python{major}.{minor}"
        found = shutil.which(name)
        # A version manager's stand-in may be there without the version itself.
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return _become([found, *sys.argv])
    wanted = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
    print(f"Impasto needs Python {wanted}; this is {mine}, and no other was found on PATH.")
    return 2


def _install_if_needed() -> bool:
    """Bring `.venv` up to date; whether it is now."""
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return True
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if not _make_venv():
        return False
    print(f"Installing Impasto and what it needs (a minute or two; log: {INSTALL_LOG}) ...")
    target = f"{ROOT}[{EXTRAS}]"
    pip = (str(_program("python")), "-m", "pip", "install", "-c", str(CONSTRAINTS), "-e", target)
    with INSTALL_LOG.open("w") as log:
        code = _run(pip, output=log.fileno())
    if code != 0:
        print("\n".join(INSTALL_LOG.read_text().splitlines()[-LOG_LINES:]))
        print(f"The installation failed (pip's exit code: {code}); nothing was marked as done.")
        return False
    STAMP.write_text(wanted)
    print(f"Installed in {time.monotonic() - started:.0f} s; next time this is skipped.")
    return True


def _make_venv() -> bool:
    if _venv_python_line() == _python_line():
        return True
    print(f"Making a virtual environment in {VENV} ...")
    if _run([sys.executable, "-m", "venv", "--clear", str(VENV)]) == 0:
        return True
    print("That failed. On Debian and Ubuntu: apt install python3-venv; then try again.")
    return False


def _venv_python_line() -> str:
    """Version of the environment's Python, pip included; empty when it is not usable."""
    python = _program("python")
    if not python.exists():
        return ""
    script = "import pip, sys; print('python', *sys.version_info[:2])"
    probe = subprocess.run([str(python), "-I", "-c", script], capture_output=True, text=True)
    return probe.stdout.strip()


def _python_line() -> str:
    return f"python {sys.version_info[0]} {sys.version_info[1]}"


def _fingerprint() -> str:
    """Changes when the installation would: Python, dependencies, packages, or this folder."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = (project["build-system"], project["project"], project["tool"]["setuptools"], str(ROOT))
    digest = hashlib.sha256(repr(parts).encode() + CONSTRAINTS.read_bytes()).hexdigest()
    return f"{_python_line()}\n{digest}\n"


# --- Running programs -------------------------------------------------------------------------


def _program(name: str) -> Path:
    return VENV / "bin" / name


def _environment() -> dict[str, str]:
    """Ours, with the environment's programs first, and with paths that hold in any folder."""
    found = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    found["PATH"] = os.pathsep.join((str(VENV / "bin"), os.environ.get("PATH", os.defpath)))
    if assets := os.environ.get("IMPASTO_ASSETS"):
        found["IMPASTO_ASSETS"] = str(Path(assets).resolve())
    return found


def _become(command: Sequence[str]) -> int:
    """Go on as another program, which then has the terminal and its Ctrl-C to itself."""
    sys.stdout.flush()
    os.execve(command[0], list(command), _environment())


def _run(
    command: Sequence[str],
    *,
    output: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a program to its end; its exit code.

    It gets a session of its own, so that an interruption ends it with all that it started.
    """
    child = subprocess.Popen(
        command,
        stdout=output,
        stderr=output,
        env={**_environment(), **(environment or {})},
        start_new_session=True,
    )
    try:
        return child.wait()
    except KeyboardInterrupt:
        _end_group(child)
        raise


def _end_group(child: subprocess.Popen[bytes]) -> None:
    os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(GRACE_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


# --- The commands: in the environment ---------------------------------------------------------


def test(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Every test, or what pytest's arguments choose; pytest's closing line comes last."""
    os.chdir(ROOT)
    return _become([str(_program("python")), "-m", "pytest", *(rest or EVERY_TEST)])


def up(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    """The whole stack, until Ctrl-C."""
    return _become([str(_program("impasto")), "up", *rest])


def bench(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """One measurement of tests/bench."""
    os.chdir(ROOT)
    module = ".".join(_measurements()[options.name].relative_to(ROOT).with_suffix("").parts)
    return _become([str(_program("python")), "-m", module, *rest])


def check(_options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Every check, also after one has failed."""
    os.chdir(ROOT)
    checks = {
        "lint": ("ruff", "check", "."),
        "formatting": ("ruff", "format", "--check", "."),
        "types": ("basedpyright",),
        "layers": ("lint-imports",),
    }
    passed: dict[str, bool] = {}
    for name, (program, *arguments) in checks.items():
        print(f"== {name}: {program} {' '.join(arguments)}", flush=True)
        passed[name] = _run([str(_program(program)), *arguments]) == 0
    print("\n" + "\n".join(f"{'pass' if ok else 'FAIL'}  {name}" for name, ok in passed.items()))
    return 0 if all(passed.values()) else 1


def demo(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """An album through a whole Impasto of its own, over HTTP."""
    from infra.demo import show

    return show(
        photos=options.photos, out=options.out, style=options.style, data=options.data, run=_run
    )


COMMANDS: dict[str, Callable[[argparse.Namespace, Sequence[str]], int]] = {
    "demo": demo,
    "test": test,
    "up": up,
    "check": check,
    "bench": bench,
}

if __name__ == "__main__":
    sys.exit(main())
