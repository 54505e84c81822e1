"""Letters: HTML with its CSS inlined and plain text; the subject is the title of the HTML."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any, Final

from css_inline import CSSInliner, InlineError

from callrouter.forming.errors import Refused, TooLarge
from callrouter.forming.sandbox import Sandbox

MOST_LETTER: Final = 512 * 1024
MOST_SUBJECT: Final = 200

_REFUSED: Final = frozenset(
    {"script", "iframe", "frame", "frameset", "object", "embed", "applet", "portal", "template"}
    | {"form", "input", "button", "textarea", "select", "base", "link", "meta"}
    | {"svg", "math", "audio", "video", "source"}
)
_LINK: Final = re.compile(r"(?:https?://|mailto:|tel:|cid:|#)[^\x00-\x20]*", re.IGNORECASE)
_LINKS: Final = frozenset(
    {"href", "src", "action", "formaction", "background", "poster", "srcset", "data", "cite"}
    | {"longdesc", "ping", "xlink:href"}
)
_IN_CSS = re.compile(r"url\s*\(|@import|expression\s*\(|-moz-binding|behavior\s*:", re.IGNORECASE)
_BLANK = re.compile(r"\n\s*\n\s*\n")
_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)

_inliner = CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_at_rules=True)


def letter(body: bytes, text: bytes, values: dict[str, Any]) -> dict[str, str]:
    """Subject, HTML and text. Raises Refused, TooLarge."""
    page = Sandbox().rendered(_decoded(body), values)
    said = Sandbox(escapes=False).rendered(_decoded(text), values)
    if max(len(page), len(said)) > MOST_LETTER:
        raise TooLarge(f"a letter has at most {MOST_LETTER // 1024} KB of text")
    _check(page)
    found = _TITLE.search(page)
    subject = " ".join(html.unescape(found[1]).split())[:MOST_SUBJECT] if found else ""
    if not subject:
        raise Refused("the letter has no <title>, which is its subject")
    try:
        inlined = _inliner.inline(page)
    except (InlineError, ValueError) as error:
        raise Refused(f"its CSS cannot be inlined: {str(error)[:200]}") from None
    return {"subject": subject, "html": inlined, "text": _BLANK.sub("\n\n", said).strip() + "\n"}


def sources(body: bytes, text: bytes) -> list[tuple[str, str]]:
    """Its two halves, each with its place."""
    return [("", _decoded(body)), ("text", _decoded(text))]


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused("the template is not UTF-8") from None


def _check(page: str) -> None:
    """Nothing that runs, fetches or asks; links lead to the web, mail and telephones only."""
    checker = _Checker()
    checker.feed(page)
    checker.close()


class _Checker(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _REFUSED and not (tag == "meta" and {name for name, _ in attrs} == {"charset"}):
            self._refuse(f"<{tag}> is not for letters")
        for name, value in attrs:
            if name.startswith("on"):
                self._refuse(f"{name} is not for letters")
            if name in _LINKS and not _LINK.fullmatch((value or "#").strip()):
                self._refuse(f"a link that leads neither to the web nor to mail: {name}")
            if name == "style" and _IN_CSS.search(value or ""):
                self._refuse("CSS of a letter fetches nothing")

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style" and _IN_CSS.search(data):
            self._refuse("CSS of a letter fetches nothing")

    def _refuse(self, problem: str) -> None:
        raise Refused(problem, f"line {self.getpos()[0]}")
