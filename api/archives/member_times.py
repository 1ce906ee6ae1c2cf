"""When a ZIP file's members were changed last (APPNOTE.TXT 6.3.10, 4.4.6 and appendix)."""

import struct
from datetime import UTC, datetime
from typing import Final

from api.archives.member_names import extra_field

#: Info-ZIP's extended timestamp: flags, the first of which says that a time of change follows.
_EXTENDED: Final = 0x5455
_EXTENDED_HEAD: Final = struct.Struct("<Bi")
#: Dates begin with this year.
_FIRST_YEAR: Final = 1980


def changed_at(extra: bytes, time: int, date: int) -> float | None:
    """Return seconds since the epoch; None where there is no real time.

    `time` and `date` are MS-DOS's, on the clock of a place that nothing names: they are read as
    UTC, which is right to within the day.
    """
    field = extra_field(extra, _EXTENDED)
    if len(field) >= _EXTENDED_HEAD.size and field[0] & 1:
        return float(_EXTENDED_HEAD.unpack_from(field)[1])
    try:
        moment = datetime(
            _FIRST_YEAR + (date >> 9),
            *(date >> 5 & 0x0F, date & 0x1F),
            *(time >> 11, time >> 5 & 0x3F, 2 * (time & 0x1F)),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return moment.timestamp()
