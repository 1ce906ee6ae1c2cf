"""Quick styles of an earlier revision, made by its own code in a folder of its own."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from infra.catalogue.card import StyleCard
from tests.bench.common.environments import check_out, clean_environment
from tests.bench.training.common.assets import Assets
from trainer.training.quick import Backbone
from worker.net import TransformNet
from worker.net.affine import apply, unpack_affine

#: What it learns over and starts from, in its own checkout.
BACKBONE = Path("infra/backbone")
BASE = Path("infra/styles/water-lilies/stage-0.safetensors")


class EarlierBuild:
    """A revision's checkout, run with this environment's packages, and its `bench quick`.

    Its loss network is the one that it finds in the assets by itself.
    """

    def __init__(
        self, revision: str, assets: Assets, out: Path, options: argparse.Namespace
    ) -> None:
        self.revision = revision
        self._assets, self._options = assets.folder.resolve(), options
        self._results = (out / f"quick-of-{revision}").resolve()
        self._checkout = (out / f"checkout-{revision}").resolve()
        if not self._checkout.exists():
            check_out(revision, self._checkout)

    def learn(self, name: str) -> tuple[TransformNet, float]:
        """Let it learn one of the paintings by name.

        Returns the last stage's net, and the processor seconds that the stages took.
        """
        results = self._results / name
        record = results / "quick.json"
        if not record.exists():
            self._run(name, results)
        trials = json.loads(record.read_text())
        seconds = next(t["seconds"] for t in trials if t["profile"] == "quick")
        (card,) = results.glob(f"quick-{name}-*/card.json")
        last = StyleCard.read(card.parent).stages[-1]
        file = (self._checkout / BACKBONE / "backbone.safetensors").read_bytes()
        affine, _ = unpack_affine((card.parent / last.file).read_bytes())
        return apply(Backbone.read(file).net, affine).eval(), seconds

    def _run(self, name: str, results: Path) -> None:
        command = [sys.executable, "-m", "tests.bench.training.quick", "--painting", name]
        command += ["--backbone", str(BACKBONE), "--base", str(BASE), "--out", str(results)]
        command += ["--scale", self._options.scale, "--threads", str(self._options.threads)]
        places = (self._checkout, self._checkout / "api" / "client")
        here = {"PYTHONPATH": os.pathsep.join(map(str, places))}
        assets = {"IMPASTO_ASSETS": str(self._assets)}
        environment = {**clean_environment(), **here, **assets}
        subprocess.run(command, check=True, cwd=self._checkout, env=environment)
