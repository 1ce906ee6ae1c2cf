"""Responses: JSON, files and ZIP files."""
