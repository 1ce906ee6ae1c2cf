"""What lies beside photos and is none of them: the one rule of what is passed over by its name.

ZIP files, prefixes in the bucket and folders to learn from all go by it. The client, which imports
nothing of ours, has the same names in `impasto_client.photo_kinds`; a test holds the two alike.
"""

from typing import Final

#: Names of files and folders, in lower case, that file managers, NAS boxes and old systems leave.
CLUTTER: Final = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini"),
        *("zbthumbnail.info", "icon\r", "__macosx", "network trash folder", "temporary items"),
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
        *("$recycle.bin", "system volume information", "lost+found", "lost.dir"),
    }
)

#: Suffixes of films, sounds and of what phones, cameras and takeouts write about photos.
NO_PHOTOS: Final = frozenset(
    {
        *(".mov", ".mp4", ".m4v", ".avi", ".mts", ".m2ts", ".3gp", ".3g2", ".mkv", ".webm"),
        *(".mpg", ".mpeg", ".wmv", ".flv", ".lrv", ".insv", ".mp3", ".m4a", ".wav", ".aac"),
        *(".json", ".xmp", ".aae", ".thm", ".xml", ".html", ".htm", ".ini", ".db", ".lnk", ".url"),
    }
)


def is_clutter(path: str) -> bool:
    """Whether a part of a path, with `/` between them, is hidden or such a name in any case."""
    return any(map(_is_passed_over, path.split("/")))


def cannot_be_photo(path: str) -> bool:
    """Whether a path is clutter, or its suffix that of no picture; only its content tells more."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return is_clutter(path) or (stem != "" and (dot + suffix).lower() in NO_PHOTOS)


def _is_passed_over(part: str) -> bool:
    return (part.startswith(".") and part != ".") or part.casefold() in CLUTTER
