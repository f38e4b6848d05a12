"""Reading XML that somebody else wrote.

A document type is refused at its first character, and with it every entity that a
document could define: nothing is fetched, and nothing grows. What is left is bounded in
bytes, in depth and in elements. (The library that is known for this has had no release
since 2021; what it does for a tree stands in the handlers below.)
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET
from xml.parsers import expat

from server.services.centre import RequestError

XML_BYTES_MAX = 32 * 1024 * 1024
DEPTH_MAX = 40
ELEMENTS_MAX = 2_000_000


class _Reader:
    """Handlers that build a tree of local names and keep its bounds."""

    def __init__(self) -> None:
        self.tree = ET.TreeBuilder()
        self.depth = self.elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.depth += 1
        self.elements += 1
        if self.depth > DEPTH_MAX or self.elements > ELEMENTS_MAX:
            raise RequestError(
                f"expected XML of at most {DEPTH_MAX} levels and {ELEMENTS_MAX} elements"
            )
        self.tree.start(_local(name), {_local(key): text for key, text in attributes.items()})

    def end(self, name: str) -> None:
        """An element ends."""
        self.depth -= 1
        self.tree.end(_local(name))

    def refuse(self, *_: object) -> None:
        """A document type: nothing that we read has one."""
        raise RequestError("expected XML without a document type: it is not read")


def read_xml(data: bytes) -> ET.Element:
    """The root of a document, its names without their namespaces.

    Raises
    ------
    RequestError
        If it is no XML, is too large or too deep, or defines a document type.
    """
    if len(data) > XML_BYTES_MAX:
        raise RequestError(f"expected XML of at most {XML_BYTES_MAX} bytes, got {len(data)}")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.tree.data
    parser.buffer_text = True
    try:
        parser.Parse(data, True)  # noqa: FBT003  - the library takes no name for it
        return reader.tree.close()
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise RequestError(f"expected XML, got: {error}") from error


def text_at(element: ET.Element, path: str) -> str:
    """The text at a path; empty if there is none."""
    return (element.findtext(path) or "").strip()


def each_at(element: ET.Element, path: str) -> Iterator[ET.Element]:
    """The elements at a path."""
    return iter(element.findall(path))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
