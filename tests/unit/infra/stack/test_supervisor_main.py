"""What supervisord says is lost when the disk is full, and nothing else is."""

import io

from infra.stack.supervisor_main import LossyStream


class FullDisk(io.StringIO):
    """Takes nothing."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_what_a_full_disk_does_not_take_is_lost_without_an_error() -> None:
    stream = LossyStream(FullDisk())
    assert stream.write("a line") == 6
    stream.flush()


def test_what_can_be_written_is_written() -> None:
    file = io.StringIO()
    LossyStream(file).write("a line")
    assert file.getvalue() == "a line"
