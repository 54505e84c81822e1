"""Which templates there are: those the letters need, built in or brought, and who uses each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from callrouter.forming.press import shipped
from callrouter.pages.card_timeline import LETTER_KINDS
from callrouter.templating import Named
from callrouter.wording.catalogue import LANGUAGES, mark
from callrouter.wording.moves import status_named
from storage import templates
from storage.papers import OFFER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Letter, Setup
    from callrouter.wording import Words
    from storage.templates import TemplateVersion

State = Literal["own", "covered", "built_in", "absent"]
"""`covered`: one of ours for all languages is used instead."""

LETTERS: Final = ("offer", "brief", "thanks")
"""The letters that we ship."""

FORMATS: Final[Mapping[str, str]] = {
    "typ": mark("Offer as PDF"),
    "docx": mark("Offer as DOCX"),
    "odt": mark("Offer as ODT"),
    "html": mark("Letter"),
    "txt": mark("Letter’s plain text"),
    "png": mark("Logo"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One template. `used`: which letters are formed with it, or whose logo it is."""

    what: Named
    title: str
    state: State
    version: TemplateVersion | None
    used: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    rows: tuple[Row, ...]


def groups_of(
    own: Iterable[TemplateVersion], setup: Setup, words: Words
) -> tuple[Group, Group, Group]:
    """Offers, letters, logos: all that is used, and all that was brought."""
    brought = {Named(one.name, one.format): one for one in own}
    offers = [Named(OFFER, format_) for format_ in ("typ", "docx", "odt")]
    letters = [
        Named(f"{name}.{language}", format_)
        for name in _letter_names(setup)
        for language in LANGUAGES
        for format_ in ("html", "txt")
    ]
    logos = [Named(one.logo, "png") for one in setup.entity if one.logo]
    return (
        _group(words("Offers"), offers, ("typ", "docx", "odt"), brought, setup, words),
        _group(words("Letters"), letters, ("html", "txt"), brought, setup, words),
        _group(words("Logos"), logos, ("png",), brought, setup, words),
    )


def state_of(what: Named, brought: Iterable[Named]) -> State:
    """What is used under this name."""
    has = set(brought)
    if what in has:
        return "own"
    base, dot, _ = what.name.partition(".")
    if dot and Named(base, what.format) in has:
        return "covered"
    return "built_in" if built_in(what) is not None else "absent"


def built_in(what: Named, language: Language = "ru") -> bytes | None:
    """What we ship under this name; of a letter for all languages, that of one."""
    name, _, own = what.name.partition(".")
    spoken: Language = "en" if own == "en" else "ru" if own == "ru" else language
    if what.format == "png":
        return None
    try:
        found = shipped(name, "html" if what.format == "txt" else what.format, spoken)
    except LookupError:
        return None
    return found.text if what.format == "txt" else found.body


def letters_with(what: Named, setup: Setup) -> tuple[Letter, ...]:
    base = what.name.partition(".")[0]
    return tuple(one for one in setup.letter if one.template == base)


def read_own(conn: Connection) -> tuple[TemplateVersion, ...]:
    return templates.current(conn)


def _letter_names(setup: Setup) -> list[str]:
    return list(dict.fromkeys((*LETTERS, *(one.template for one in setup.letter))))


def _group(
    title: str,
    needed: Iterable[Named],
    formats: tuple[str, ...],
    brought: Mapping[Named, TemplateVersion],
    setup: Setup,
    words: Words,
) -> Group:
    others = [one for one in brought if one.format in formats]
    rows = [
        Row(
            one,
            words(FORMATS[one.format]),
            state_of(one, brought),
            brought.get(one),
            tuple(_used(one, setup, words)),
        )
        for one in dict.fromkeys((*needed, *others))
    ]
    return Group(title, tuple(rows))


def _used(what: Named, setup: Setup, words: Words) -> Iterable[str]:
    if what.format == "png":
        yield from (one.name for one in setup.entity if one.logo == what.name)
        return
    for one in letters_with(what, setup):
        if what.format in ("typ", "docx", "odt") and (
            one.kind != "offer" or _made_of(what.format) not in one.attach
        ):
            continue
        said = words(LETTER_KINDS.get(one.kind, one.kind))
        if one.on_status:
            pipeline = setup.pipelines.get(one.pipeline)
            said += f" · {status_named(pipeline, one.on_status, words)}"
        yield said


def _made_of(format_: str) -> str:
    return "pdf" if format_ == "typ" else format_
