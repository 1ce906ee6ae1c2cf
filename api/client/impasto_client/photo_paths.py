"""Paths of photos in an album, and of their results below a folder."""

from pathlib import PurePosixPath

from .photo_names import safe_name


def safe_path(raw: str) -> PurePosixPath:
    """Return `raw` as a path that stays inside its folder, of names that every file system takes.

    Folders are told apart by `/`. What leads upwards, or nowhere, is dropped.
    """
    *folders, name = raw.split("/")
    kept = [safe_name(folder) for folder in folders if folder.strip(" .")]
    return PurePosixPath(*kept, safe_name(name))
