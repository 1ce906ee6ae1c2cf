"""What holds for every test."""

from hypothesis import settings

# A machine that is busy with other things fails no test; pytest's own timeout ends what hangs.
settings.register_profile("impasto", deadline=None)
settings.load_profile("impasto")
