"""A job on its way in: from a request to a draft and its files."""
