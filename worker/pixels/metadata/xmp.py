"""XMP packets: what is read of a photo's, and the one that a result gets.

ISO 16684-1 (XMP), IPTC Photo Metadata Standard 2023.2 (DigitalSourceType).
"""

from xml.etree import ElementTree as ET

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PREFIXES = {
    "x": "adobe:ns:meta/",
    "rdf": _RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
for _prefix, _uri in _PREFIXES.items():
    ET.register_namespace(_prefix, _uri)

#: IPTC's word for a picture that a trained algorithm made.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
#: Bytes of a packet that is read; longer ones hold masks and edits.
MAX_PACKET_BYTES = 4 * 2**20
#: The photo's stored orientation and its thumbnails: neither holds for a painting.
_STALE = ("tiff:Orientation", "xmp:Thumbnails")


def made_by_an_algorithm(photos: bytes = b"") -> bytes:
    """Return a packet that says what made the picture, beside all that the photo's own says.

    A photo's packet that cannot be read is left out.
    """
    root = _parsed(photos)
    if root is None:
        root = ET.Element(_name("x:xmpmeta"))
    rdf = root.find(_name("rdf:RDF"))
    if rdf is None:
        rdf = ET.SubElement(root, _name("rdf:RDF"))
    for description in rdf:
        _drop(description, *_STALE, "Iptc4xmpExt:DigitalSourceType")
    ours = ET.SubElement(rdf, _name("rdf:Description"), {_name("rdf:about"): ""})
    ours.set(_name("Iptc4xmpExt:DigitalSourceType"), SOURCE_TYPE)
    body = ET.tostring(root, encoding="utf-8")
    head = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
    return head + body + b'\n<?xpacket end="w"?>'


def text(packet: bytes, *names: str) -> bytes:
    """Return the first of some properties that a packet has, in UTF-8, lists joined."""
    root = _parsed(packet)
    descriptions = [] if root is None else list(root.iter(_name("rdf:Description")))
    values = (_value(description, _name(name)) for name in names for description in descriptions)
    return next(filter(None, values), "").encode()


def _value(description: ET.Element, name: str) -> str:
    if name in description.attrib:
        return description.attrib[name].strip()
    child = description.find(name)
    if child is None:
        return ""
    items = [item.text or "" for item in child.iter(_name("rdf:li"))]
    return "; ".join(filter(None, map(str.strip, items or [child.text or ""])))


def _drop(description: ET.Element, *names: str) -> None:
    for name in map(_name, names):
        description.attrib.pop(name, None)
        for child in description.findall(name):
            description.remove(child)


def _parsed(packet: bytes) -> ET.Element | None:
    if not packet or len(packet) > MAX_PACKET_BYTES or b"<!ENTITY" in packet:
        return None
    # In a decoder process, within its bounds; expat itself refuses entities that explode.
    try:
        root = ET.fromstring(packet.strip(b"\0 \r\n"))  # noqa: S314
    except (ET.ParseError, ValueError, LookupError):
        return None
    if root.tag == _name("rdf:RDF"):
        wrapped = ET.Element(_name("x:xmpmeta"))
        wrapped.append(root)
        return wrapped
    return root if root.tag == _name("x:xmpmeta") else None


def _name(prefixed: str) -> str:
    prefix, _, name = prefixed.partition(":")
    return f"{{{_PREFIXES[prefix]}}}{name}"
