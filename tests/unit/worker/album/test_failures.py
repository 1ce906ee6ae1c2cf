import pytest
import torch
from structlog.testing import capture_logs

from infra.jobs.domain.model import PhotoEntry, Problem
from tests.unit.worker.album.test_chunk_keeper import SPEC
from worker.album.failures import StyleUnusable, failed
from worker.engines.memory import is_out_of_memory
from worker.pixels import PhotoRejected

ENTRY = PhotoEntry(index=4, name="a.jpg", key="photos/a.jpg")


def problem(error: Exception) -> Problem:
    outcome = failed(SPEC, ENTRY, error)
    assert outcome.index == 4
    assert outcome.result is None
    assert outcome.error is not None
    return outcome.error


def test_rejected_photo_keeps_its_reason() -> None:
    found = problem(PhotoRejected("animated-photo", "It moves."))
    assert found == Problem(type="animated-photo", detail="It moves.")


def test_unusable_style_is_named() -> None:
    found = problem(StyleUnusable("no object 'x'"))
    assert found.type == "style-unusable"
    assert "'s'" in found.detail


def test_bug_gives_the_person_a_number_and_the_log_what_happened() -> None:
    error = KeyError("something secret")
    with capture_logs() as logs:
        found = problem(error)
    assert found.type == "internal"
    assert "secret" not in found.detail
    (line,) = logs
    assert line["incident"] in found.detail
    assert line["exc_info"] is error
    assert (line["job_id"], line["photo"]) == ("job", 4)


def test_pytorch_without_memory_is_recognised() -> None:
    """On the CPU it is a plain RuntimeError; on a device an error of its own."""
    with pytest.raises(RuntimeError) as cpu:
        torch.empty(2**60)
    assert is_out_of_memory(cpu.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("Exception from src/inference: std::bad_alloc"))
    assert is_out_of_memory(RuntimeError("Check 'm_data' failed: Failed to allocate 4096 bytes"))
    assert is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
