"""What lies beside photos and is none of them: the one rule of what is passed over by its name.

ZIP files, prefixes in the bucket and folders to learn from all go by it. The client, which imports
nothing of ours, has the same names in `impasto_client.photo_kinds`; a test holds the two alike.
"""

import re
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

_SEPARATOR: Final = re.compile("/+")


def is_clutter(path: str) -> bool:
    """Whether a part of a path, with `/` between them, is hidden or such a name in any case."""
    return any(_is_passed_over(part) for part in _SEPARATOR.split(path))


def _is_passed_over(part: str) -> bool:
    return (part.startswith(".") and part != ".") or part.casefold() in CLUTTER
