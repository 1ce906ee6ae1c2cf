"""Where styles and what lies beside them are found, relative to the service."""

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
    """Return where a style, or something of it, is found."""
    return f"/v1/styles/{style}/{file}".removesuffix("/")


def preview_address(style: str, stage: int, number: int) -> str:
    """Return where one photo in one stage is found."""
    return style_address(style, f"previews/{stage}/{number}.jpg")
