"""The developer's entry: `python3 infra/dev.py demo`, on a machine that has nothing but Python.

The first run makes `.venv` beside pyproject.toml and installs everything into it; later runs find
it there (`infra/dev_environment.py`). Until then only the standard library is used. Then this file
runs again, as the module `infra.dev` in that environment.
"""

from __future__ import annotations

import argparse
import ast
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ != "infra":  # run as a file: Python looks for modules beside it, not above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from infra.dev_environment import ROOT, become, bootstrap, program, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

BENCHES = ROOT / "tests" / "bench"

#: Two files at a time, because many tests wait for real processes; in their order, in which those
#: that take longest come first.
EVERY_TEST = (
    *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
    # Without a process that replaces it, the test that ended one is named; with one, it hangs.
    *("--max-worker-restart", "0", "tests"),
)

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
    """Parse, make the environment if needed, run the command; returns the exit code."""
    options, rest = _parser().parse_known_args()
    if rest and options.command not in ("test", "up", "bench"):
        _parser().error(f"{options.command} does not take {' '.join(rest)}")
    signal.signal(signal.SIGTERM, _interrupt)
    if options.command == "bench" and options.name not in _measurements():
        return _list_measurements(options.name)
    try:
        if __package__ != "infra":
            return bootstrap("infra.dev")
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


def _list_measurements(requested: str | None) -> int:
    print("Measurements; infra/dev.py bench NAME runs one, bench NAME --help says more:\n")
    for name, path in sorted(_measurements().items()):
        about = ast.get_docstring(ast.parse(path.read_text())) or ""
        print(f"  {name:<11} {about.partition(chr(10))[0]}")
    return 0 if requested is None else 2


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# --- The commands: in the environment ---------------------------------------------------------


def test(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Every test, or what pytest's arguments choose; pytest's closing line comes last."""
    os.chdir(ROOT)
    return become([str(program("python")), "-m", "pytest", *(rest or EVERY_TEST)])


def up(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    """The whole stack, until Ctrl-C."""
    return become([str(program("impasto")), "up", *rest])


def bench(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """One measurement of tests/bench."""
    os.chdir(ROOT)
    module = ".".join(_measurements()[options.name].relative_to(ROOT).with_suffix("").parts)
    return become([str(program("python")), "-m", module, *rest])


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
    for name, (tool, *arguments) in checks.items():
        print(f"== {name}: {tool} {' '.join(arguments)}", flush=True)
        passed[name] = run([str(program(tool)), *arguments]) == 0
    print("\n" + "\n".join(f"{'pass' if ok else 'FAIL'}  {name}" for name, ok in passed.items()))
    return 0 if all(passed.values()) else 1


def demo(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """An album through a whole Impasto of its own, over HTTP."""
    from infra.demo import show

    return show(
        photos=options.photos, out=options.out, style=options.style, data=options.data, run=run
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
