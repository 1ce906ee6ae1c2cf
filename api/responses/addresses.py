"""Addresses of styles and their files, relative to the service."""

from typing import Final

#: What belongs to a style, by the name of its link.
STYLE_FILES: Final = {
    "stages": "stages",
    "card": "card.json",
    "contact_sheet": "contact-sheet.jpg",
    "previews": "previews",
    "losses_svg": "losses.svg",
    "losses_png": "losses.png",
    "history": "history.jsonl",
}


def style_address(style: str, file: str = "") -> str:
    """Return the address of a style, or of one of its files."""
    return f"/v1/styles/{style}/{file}".removesuffix("/")


def preview_address(style: str, stage: int, number: int) -> str:
    """Return the address of one photo in one stage."""
    return style_address(style, f"previews/{stage}/{number}.jpg")
