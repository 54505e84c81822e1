"""DOCX and ODT as archives of parts, looked through before they are filled and after.

What is refused does something when somebody opens the file (macros, links that are fetched,
commands in fields, embedded objects), or something to us (bombs, entities, paths).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Final

from lxml import etree

from callrouter.forming.errors import Refused, TooLarge

MOST_PARTS: Final = 300
MOST_PART: Final = 8 * 1024**2
MOST_ALL: Final = 24 * 1024**2

_NAME = re.compile(r"[A-Za-z0-9_\-. \[\]()/]{1,200}")
_WEB = re.compile(r"(?:https?://|mailto:|tel:|#)[^\s]*", re.IGNORECASE)
_COMMANDS = re.compile(
    r"\b(?:DDE|DDEAUTO|INCLUDETEXT|INCLUDEPICTURE|INCLUDE|IMPORT|MACROBUTTON|LINK|EMBED|DATABASE|RD)\b",
    re.IGNORECASE,
)
_XML = (".xml", ".rels")

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_ODF = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_ODT_MIMETYPE = b"application/vnd.oasis.opendocument.text"
_ODT_PARTS = re.compile(
    r"mimetype|(?:content|styles|meta|settings|manifest)\.(?:xml|rdf)|META-INF/(?:manifest\.xml)?"
    r"|(?:Thumbnails|Pictures|Fonts)/[^/]*|layout-cache|Configurations2/.*"
)
_ODT_REFUSED: Final = {
    "script": ("event-listener", "library-embedded"),
    "office": ("scripts", "script", "dde-source", "forms"),
    "text": (
        "section-source",
        "dde-connection",
        "dde-connection-decl",
        "script",
        "execute-macro",
        "database-display",
        "database-next",
    ),
    "draw": ("object", "object-ole", "plugin", "applet", "floating-frame"),
    "table": ("cell-range-source",),
}
_ODT_ELEMENTS = frozenset(
    _ODF % space + name for space, names in _ODT_REFUSED.items() for name in names
)


def opened(body: bytes) -> dict[str, bytes]:
    """Every part by its name. Raises Refused, TooLarge."""
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_PARTS:
                raise TooLarge(f"the file has more than {MOST_PARTS} parts")
            parts: dict[str, bytes] = {}
            for entry in entries:
                _check_name(entry, parts)
                parts[entry.filename] = _read(archive, entry, sum(map(len, parts.values())))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise Refused(f"the file is not a whole archive: {str(error)[:100]}") from None
    except (RuntimeError, zipfile.LargeZipFile) as error:
        raise Refused(f"the file cannot be read: {str(error)[:100]}") from None
    return parts


def _check_name(entry: zipfile.ZipInfo, parts: Mapping[str, bytes]) -> None:
    name = entry.filename
    if not _NAME.fullmatch(name) or name.startswith("/") or ".." in name.split("/"):
        raise Refused("a part of the file has a name that is not allowed", ascii(name)[:80])
    if name in parts:
        raise Refused("the file has this part twice", name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("the part is compressed in a way that documents are not", name)
    if entry.external_attr >> 28 == 0xA:
        raise Refused("the part is a link", name)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, so_far: int) -> bytes:
    """Never more than allowed, whatever the archive says of itself."""
    with archive.open(entry) as part:
        found = part.read(MOST_PART + 1)
    if len(found) > MOST_PART or so_far + len(found) > MOST_ALL:
        raise TooLarge("the part is too large", entry.filename)
    return found


def parsed(name: str, part: bytes) -> etree._Element:
    """The part as XML, without any entity. Raises Refused."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=False,
    )
    try:
        root = etree.fromstring(part, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused(f"the part is not XML: {str(error)[:200]}", name) from None
    if root.getroottree().docinfo.doctype:
        raise Refused("the part declares a document type", name)
    return root


def check_docx(body: bytes) -> dict[str, bytes]:
    """Its parts. Raises Refused, TooLarge."""
    parts = opened(body)
    if "word/document.xml" not in parts or "[Content_Types].xml" not in parts:
        raise Refused("the file is not a DOCX")
    for name, part in parts.items():
        low = name.lower()
        if low.endswith(".bin") or "vba" in low or "/embeddings/" in low or "/activex/" in low:
            raise Refused("macros and embedded objects are not allowed", name)
        if not low.endswith(_XML):
            continue
        root = parsed(name, part)
        if low.endswith(".rels"):
            _check_relations(name, root)
        elif name == "[Content_Types].xml":
            if b"macroenabled" in part.lower() or b"vbaproject" in part.lower():
                raise Refused("macros are not allowed", name)
        else:
            _check_fields(name, root)
    return parts


def _check_relations(name: str, root: etree._Element) -> None:
    for relation in root.iter("{*}Relationship"):
        kind = relation.get("Type", "").rpartition("/")[2].lower()
        target = relation.get("Target", "")
        if kind in ("attachedtemplate", "oleobject", "control", "frame", "subdocument", "afchunk"):
            raise Refused(f"{kind} is not allowed", name)
        if relation.get("TargetMode", "").lower() == "external" or ":" in target:
            if kind != "hyperlink" or not _WEB.fullmatch(target):
                raise Refused(f"it would fetch something from elsewhere ({kind})", name)
        elif ".." in target.split("/")[1:]:
            raise Refused("it points out of the file", name)


def _check_fields(name: str, root: etree._Element) -> None:
    said = "".join(text or "" for text in (one.text for one in root.iter(f"{_WORD}instrText")))
    simple = " ".join(one.get(f"{_WORD}instr", "") for one in root.iter(f"{_WORD}fldSimple"))
    if found := _COMMANDS.search(f"{said} {simple}"):
        raise Refused(f"a field with {found[0].upper()} is not allowed", name)
    for kind in ("altChunk", "object", "control", "subDoc", "attachedTemplate"):
        if root.find(f".//{_WORD}{kind}") is not None:
            raise Refused(f"{kind} is not allowed", name)


def check_odt(body: bytes) -> dict[str, bytes]:
    """Its parts. Raises Refused, TooLarge."""
    parts = opened(body)
    if parts.get("mimetype") != _ODT_MIMETYPE or "content.xml" not in parts:
        raise Refused("the file is not an ODT")
    for name, part in parts.items():
        if not _ODT_PARTS.fullmatch(name):
            raise Refused("macros and embedded objects are not allowed", name)
        if name.endswith((".xml", ".rdf")):
            check_odt_part(name, part)
    return parts


def check_odt_part(name: str, part: bytes) -> None:
    """Raises Refused: for what is done, or fetched, when somebody opens the document."""
    root = parsed(name, part)
    for element in root.iter(etree.Element):
        tag = str(element.tag)
        if tag in _ODT_ELEMENTS or "}event-listener" in tag:
            raise Refused(f"{tag.rpartition('}')[2]} is not allowed", name)
        href = element.get(_XLINK_HREF)
        if href is None:
            continue
        inside = re.fullmatch(r"(?:\./)?Pictures/[\w.\-]+|", href)
        if not inside and (tag != _ODF % "text" + "a" or not _WEB.fullmatch(href)):
            raise Refused("it would fetch something from elsewhere", name)
