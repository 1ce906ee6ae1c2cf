"""Submission: a job on its way in."""
