"""Ids of jobs: they sort by time, nobody guesses one, and no other name is taken for one."""

import secrets
from typing import Final

#: Crockford's base 32, lower case: sorts like the numbers it stands for, and no letter looks like
#: a digit.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_MIRROR: Final = str.maketrans(_ALPHABET, _ALPHABET[::-1])
_STAMP_CHARS: Final = 10  # 48 bits of milliseconds, and 2 spare
_RANDOM_CHARS: Final = 16  # 80 bits, enough that nobody guesses one
_ID_CHARS: Final = _STAMP_CHARS + _RANDOM_CHARS


def new_job_id(now: float) -> str:
    """Return a fresh job id (26 characters, a ULID in lower case): sorts by time, unguessable.

    `now` is in seconds since the epoch.
    """
    job = ""
    while not is_job_id(job):  # one of 65,000, or fewer, would be hex digits alone
        job = stamp(now) + _base32(secrets.randbits(5 * _RANDOM_CHARS), _RANDOM_CHARS)
    return job


def is_job_id(text: str) -> bool:
    """Whether a string from outside has the form of a job id; hex digits alone never have."""
    return _is_base32(text, _ID_CHARS) and max(text) > "f"


def job_time(job: str) -> float:
    """Return when a job id, or a `stamp`, was made, in seconds since the epoch."""
    milliseconds = 0
    for char in job[:_STAMP_CHARS]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(char)
    return milliseconds / 1000


def stamp(moment: float) -> str:
    """Return a moment, in seconds since the epoch, as text that sorts by time."""
    return _base32(int(moment * 1000), _STAMP_CHARS)


def is_stamp(text: str) -> bool:
    """Whether a string has the form of a `stamp`."""
    return _is_base32(text, _STAMP_CHARS)


def mirrored(text: str) -> str:
    """Return digits of ids so that they sort the other way round; twice, and they are as before."""
    return text.translate(_MIRROR)


def _is_base32(text: str, length: int) -> bool:
    return len(text) == length and all(char in _ALPHABET for char in text)


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))
