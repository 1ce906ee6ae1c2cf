"""Submissions: from a request to a draft of a job and its files."""
