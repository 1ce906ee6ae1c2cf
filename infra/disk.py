"""Whether a disk has room."""

import errno


def is_full_disk(error: Exception) -> bool:
    """Whether a file found no room, none for this user, or none at its size (errno(3))."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full
