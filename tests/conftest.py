"""What holds for every test."""

import os
from pathlib import Path

from hypothesis import settings

CLIENT = Path(__file__).resolve().parents[1] / "api" / "client"

# Programs that a test starts import the client from this checkout, as the test itself does.
os.environ["PYTHONPATH"] = os.pathsep.join(
    (str(CLIENT), *filter(None, [os.environ.get("PYTHONPATH")]))
)

# A machine that is busy with other things fails no test; pytest's own timeout ends what hangs.
settings.register_profile("impasto", deadline=None)
settings.load_profile("impasto")
