"""Reads HTML as a browser does, to see what became markup and what stayed text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Markup(HTMLParser):
    """Tags with their attributes, and the text between them."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def is_ours(self) -> bool:
        """Whether no tag is foreign, nothing is inline, and everything loaded is our own."""
        for tag, attrs in self.tags:
            if tag in ("svg", "iframe", "style", "object", "base"):
                return False
            if tag in ("script", "img") and not (attrs.get("src") or "").startswith("/static/"):
                return False
            if any(name.startswith("on") or name == "style" for name in attrs):
                return False
            if (attrs.get("href") or "/").strip().lower().startswith("javascript"):
                return False
        return True
