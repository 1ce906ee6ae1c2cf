"""The preflight of engines (`python -m worker.engines.trial`): ends with the reason why none works.

A machine may lack what `IMPASTO_DEVICE`, `IMPASTO_ENGINE` or `IMPASTO_PRECISION` names.
"""

from infra.settings import load_settings
from worker.engines.choice import EngineFactory


def main() -> None:
    """Make what makes engines; raises SystemExit, with the reason, when that cannot be."""
    try:
        EngineFactory.of(load_settings())
    except ValueError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
