"""Previews: one photo, small, in several styles or strengths, to look at before one chooses.

No jobs: they stand in no list, keep nobody waiting, and are gone an hour later.
"""
