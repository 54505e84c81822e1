"""The press: offers become files, letters become HTML and text, each in a child process.

    pdf = await press.offer(offer, shipped("offer", "typ", "ru"), "pdf")

A template is somebody's program: it is run where there are no files, no network and no
environment, within limits of time, memory and size. What a bad one costs is itself.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import templates
from callrouter.domain.offers import Format, Offer
from callrouter.domain.setup import Language
from callrouter.forming.nursery import Child, Died
from callrouter.forming.samples import sample_letters, sample_offers
from callrouter.forming.values import Values, offer_values

SOURCES: Final[Mapping[Format, str]] = {"pdf": "typ", "docx": "docx", "odt": "odt"}
"""What a file of a format is formed from."""

MOST_BODY: Final = 4 * 1024**2
MOST_RENDERS: Final = 200
"""So many a child does before a fresh one takes its place."""

_SHIPPED = Path(templates.__file__).parent


@dataclass(frozen=True, slots=True)
class Template:
    """`format`: typ | docx | odt | html. `text`: a letter's plain text, beside its HTML.

    `images`: PNG by name; an entity's `logo` names one of them.
    """

    name: str
    format: str
    body: bytes
    images: Mapping[str, bytes] = field(default_factory=dict)
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Formed:
    """A letter. The subject is the title of its HTML."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """What is wrong with a template. `place`: "line 12", "content.xml" …, "" for the whole."""

    place: str
    problem: str


class BadTemplate(Exception):
    """The template cannot be rendered. The text says what is wrong, and where if that is known."""

    def __init__(self, problem: str, place: str = "") -> None:
        self.problem, self.place = problem, place
        super().__init__(f"{place}: {problem}" if place else problem)


class TooMuch(BadTemplate):
    """The template wanted more time, memory or output than a template may have."""


def shipped(name: str, format: str, language: Language) -> Template:  # noqa: A002 - as files say it
    """The template of ours. `format`: pdf or typ, docx, odt for offers; html for letters.

    Raises LookupError where we ship none.
    """
    source = SOURCES.get(format, format)  # type: ignore[call-overload]
    if source == "html":
        html = _SHIPPED / "letters" / f"{name}.{language}.html"
        return Template(name, source, _read(html), text=_read(html.with_suffix(".txt")))
    return Template(name, source, _read(_SHIPPED / "offers" / f"{name}.{source}"))


def _read(path: Path) -> bytes:
    if path.parent.parent != _SHIPPED or not path.is_file():
        raise LookupError(f"there is no template {path.name}")
    return path.read_bytes()


class Press:
    """`children`: so many templates are rendered at once; a child begins with its first work."""

    def __init__(self, children: int = 1) -> None:
        self._pool = ThreadPoolExecutor(children, thread_name_prefix="press")
        self._idle: list[Child] = []
        self._closed = False

    async def offer(self, offer: Offer, template: Template, fmt: Format) -> bytes:
        """The offer as a file of this format. Raises BadTemplate, TooMuch."""
        if template.format != SOURCES[fmt]:
            raise BadTemplate(f"a {fmt} is formed from {SOURCES[fmt]}, not from {template.format}")
        values = offer_values(offer)
        answer = await self._ask("offer", template, values)
        try:
            return base64.b64decode(answer["file"])
        except (KeyError, TypeError, binascii.Error):
            raise BadTemplate("the renderer answered nothing that is a file") from None

    async def letter(self, template: Template, values: Values) -> Formed:
        """The letter, its CSS inlined; `values` of `letter_values`. Raises BadTemplate, TooMuch."""
        answer = await self._ask("letter", template, values)
        try:
            return Formed(str(answer["subject"]), str(answer["html"]), str(answer["text"]))
        except KeyError:
            raise BadTemplate("the renderer answered nothing that is a letter") from None

    async def check(self, template: Template) -> tuple[TemplateProblem, ...]:
        """What is wrong with a template, before it is kept; it is tried on samples, too."""
        try:
            return await self._check(template)
        except BadTemplate as error:
            return (TemplateProblem(error.place, error.problem),)

    async def _check(self, template: Template) -> tuple[TemplateProblem, ...]:
        is_letter = template.format == "html"
        if not is_letter and template.format not in SOURCES.values():
            raise BadTemplate(
                f"there are templates of typ, docx, odt and html, not {template.format}"
            )
        samples = sample_letters() if is_letter else sample_offers()
        answer = await self._ask("names", template, samples[0])
        if found := answer.get("found"):
            return tuple(TemplateProblem(str(place), str(problem)) for place, problem in found[:50])
        for values in samples:
            await self._ask("letter" if is_letter else "offer", template, values)
        return ()

    async def _ask(self, what: str, template: Template, values: Values) -> dict[str, Any]:
        if len(template.body) > MOST_BODY:
            raise TooMuch(f"a template is at most {MOST_BODY // 1024**2} MB")
        request = {
            "what": what,
            "format": template.format,
            "body": base64.b64encode(template.body).decode(),
            "text": base64.b64encode(template.text).decode(),
            "values": values,
            "logo": _logo(template, values),
        }
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(
            self._pool, self._render, json.dumps(request, ensure_ascii=False).encode()
        )
        if problem := answer.get("problem"):
            kind = TooMuch if answer.get("too_much") else BadTemplate
            raise kind(str(problem)[:2000], str(answer.get("place", ""))[:200])
        return answer

    def _render(self, request: bytes) -> dict[str, Any]:
        try:
            child = self._idle.pop()
        except IndexError:
            child = Child()
        if not child.alive:  # it died while it had nothing to do: that is no template's doing
            child.end()
            child = Child()
        try:
            answer = json.loads(child.ask(request))
        except Died as error:
            answer = {"problem": str(error), "too_much": True}
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            child.end()
            answer = {"problem": "the renderer answered nonsense"}
        if child.asked >= MOST_RENDERS or not child.alive:
            child.end()
            if self._closed:
                return answer
            child = Child()  # so that the next one finds it warm
        self._idle.append(child)
        return answer

    def close(self) -> None:
        """End the children; what is being rendered is given up."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().end()


def _logo(template: Template, values: Values) -> str:
    """The picture that this entity has; "" for none, as letters have none."""
    picture = template.images.get(values["entity"]["logo"], b"")
    return base64.b64encode(picture).decode()
