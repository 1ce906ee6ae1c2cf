"""Addresses of jobs, of styles and their files, on the host that the service is asked at."""

from typing import Final

from flask import has_request_context, request

#: What belongs to a style, by the name of its link.
STYLE_FILES: Final = {
    "stages": "stages",
    "card": "card.json",
    "contact_sheet": "contact-sheet.jpg",
    "previews": "previews",
    "losses_svg": "losses.svg",
    "losses_png": "losses.png",
    "history": "history.jsonl",
    "export": "export",
}


def address(path: str) -> str:
    """Return a path of the service as whoever asks sees it: below the proxy's prefix."""
    return f"{request.environ.get('SCRIPT_NAME', '')}{path}" if has_request_context() else path


def job_address(job_id: str) -> str:
    """Return the address of a job."""
    return address(f"/v1/jobs/{job_id}")


def preview_page(preview: str) -> str:
    """Return the address of a preview."""
    return address(f"/v1/previews/{preview}")


def style_address(style: str, file: str = "") -> str:
    """Return the address of a style, or of one of its files."""
    return address(f"/v1/styles/{style}/{file}").removesuffix("/")


def preview_address(style: str, stage: int, number: int) -> str:
    """Return the address of one photo in one stage."""
    return style_address(style, f"previews/{stage}/{number}.jpg")
