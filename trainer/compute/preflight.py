"""The preflight of trainings (`python -m trainer.compute.preflight`): ends with the reason why not.

A machine may lack what `IMPASTO_DEVICE` names, or what `IMPASTO_TRAINER_FAST` needs.
"""

from infra.settings import load_settings
from trainer.compute.arithmetic import Arithmetic
from worker.engines.choice import choose_device


def main() -> None:
    """Choose what trainings calculate with; raises SystemExit, with the reason, when it fails."""
    settings = load_settings()
    try:
        Arithmetic.of(choose_device(settings.device), fast=settings.trainer_fast)
    except ValueError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
