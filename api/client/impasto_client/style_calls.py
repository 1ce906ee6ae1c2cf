"""The calls of a client that concern styles: list, look, export, import, share, rename, delete."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .connection import ClientError, Connection, quoted
from .style_files import pack_style
from .styles import (
    Corpus,
    CorpusList,
    StageDetail,
    StageList,
    StarterCorpus,
    Style,
    StyleList,
    StyleWithCard,
)
from .styles import Visibility as Visibility
from .upload_body import FileBrokeOff, Upload, UploadFile


class StyleCalls:
    """Calls about styles and corpora over one connection."""

    _service: Connection

    def styles(self) -> list[Style]:
        """Return the styles: your own, shared ones, and those that came with the service."""
        return self._service.get("/v1/styles", StyleList).styles

    def style(self, name: str) -> StyleWithCard:
        """Return one style and its card."""
        return self._service.get(style_address(name), StyleWithCard)

    def stages(self, style: str) -> list[StageDetail]:
        """Return the stages of a style that can be used, from the base to the strongest."""
        return self._service.get(f"{style_address(style)}/stages", StageList).stages

    def corpora(self) -> list[Corpus]:
        """Return your corpora that styles can be trained on."""
        return self._service.get("/v1/corpora", CorpusList).corpora

    def starter_corpus(self) -> StarterCorpus | None:
        """Return the photos that come with the service; None from one of 0.1.0."""
        return self._service.get("/v1/corpora", CorpusList).starter

    def export_style(self, name: str, path: Path, *, overwrite: bool = False) -> Path:
        """Fetch a style as one file (nets, card, pictures), and return its path.

        The file appears whole or not at all, and takes no other file's place unless `overwrite`.
        """
        return self._service.save(f"{style_address(name)}/export", path, overwrite=overwrite)

    def import_style(
        self,
        source: Path,
        *,
        name: str | None = None,
        visibility: Visibility | None = None,
        backbone: Path | None = None,
        sent: Callable[[int], None] | None = None,
    ) -> Style:
        """Publish a style from an exported file, or from a folder that the trainer wrote.

        `name` is another one than its own. `backbone` is for a folder of a quick style: the net
        that it was made for, where the service has another. Raises ClientError, and OSError for
        what cannot be read.
        """
        if not source.is_dir():
            return self._send_style(source, name, visibility, sent)
        with tempfile.TemporaryDirectory(prefix="impasto-style-") as folder:
            packed = Path(folder) / "style.zip"
            pack_style(source, packed, backbone=backbone)
            return self._send_style(packed, name, visibility, sent)

    def change_style(
        self,
        style: str,
        *,
        name: str | None = None,
        title: str | None = None,
        visibility: Visibility | None = None,
    ) -> Style:
        """Rename a style of yours, give it a title, or say who sees it; returns it as it is now."""
        wanted: dict[str, Any] = {"name": name, "title": title, "visibility": visibility}
        body = {key: value for key, value in wanted.items() if value is not None}
        return self._service.request("PATCH", style_address(style), Style, json=body)

    def delete_style(self, name: str) -> None:
        """Delete a style of yours. Jobs that were accepted before are painted in it."""
        self._service.send("DELETE", style_address(name))

    def _send_style(
        self,
        file: Path,
        name: str | None,
        visibility: Visibility | None,
        sent: Callable[[int], None] | None,
    ) -> Style:
        wanted = {"name": name, "visibility": visibility}
        fields = {key: value for key, value in wanted.items() if value is not None}
        body = Upload(fields, [UploadFile("file", file, "style.zip")], sent=sent).body()
        how: dict[str, Any] = {"headers": {"Content-Type": body.content_type}}
        try:
            return self._service.request("POST", "/v1/styles", Style, content=iter(body), **how)
        except FileBrokeOff as broken:
            raise broken.error from broken


def style_address(name: str) -> str:
    """Return the address of a style; raises ClientError for a name that no server accepts.

    Servers read a quoted slash as a slash, and nothing, or dots, lead to other addresses.
    """
    if name in ("", ".", "..") or "/" in name:
        raise ClientError(f"{name!r} is not the name of a style.", type="style-missing")
    return f"/v1/styles/{quoted(name)}"
