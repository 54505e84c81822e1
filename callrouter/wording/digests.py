"""The letter of the morning in words: plain text, and the same as simple HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callrouter.domain.digests import Digest
    from callrouter.wording.people import Voice

_BODY = "font:15px/1.5 system-ui,sans-serif;color:#161b26;background:#ffffff;margin:24px"
_TABLE = "border-collapse:collapse;width:100%;max-width:340px"
_CELL = "padding:6px 24px 6px 0;border-bottom:1px solid #e2e5ec;text-align:left;font-weight:400"
_FIGURE = "padding:6px 0;border-bottom:1px solid #e2e5ec;text-align:right;white-space:nowrap"
_LATE = "color:#b3261e;font-weight:600"
_MUTED = "color:#5c6577"


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Row:
    """`late`: somebody has waited too long. `path`: the page that has the list."""

    label: str
    figure: int
    path: str = ""
    late: bool = False
    under: bool = False


def letter(digest: Digest, name: str, voice: Voice, url: str) -> Letter:
    """`url`: the public address; the rows lead to its pages."""
    words, company = voice.words, voice.setup.company.name
    days = _days(digest)
    subject = words("{company}: what there was, {days}", company=company, days=days)
    hello = words("Good morning, {name}.", name=name) if name else words("Good morning.")
    was, is_ = words("What there was, {days}", days=days), words("What waits now")
    parts = [(was, list(_was(digest, voice))), (is_, list(_now(digest, voice)))]
    why = words("This letter comes on working mornings; in the setup: {key}.", key="[digest]")
    text = [hello, ""]
    for title, rows in parts:
        text += [title, *(_line(one) for one in rows), ""]
    text += [url, "", why, ""]
    html = [f"<p>{escape(hello)}</p>"]
    for title, rows in parts:
        html += [f'<h2 style="font-size:17px;margin:24px 0 8px">{escape(title)}</h2>']
        cells = "".join(_cells(one, url) for one in rows)
        html += [f'<table role="presentation" style="{_TABLE}">{cells}</table>']
    link = f'<a href="{escape(url)}">{escape(url)}</a>'
    html += [f"<p>{link}</p>", f'<p style="{_MUTED}">{escape(why)}</p>']
    head = f'<meta charset="utf-8"><title>{escape(subject)}</title>'
    language = words.language
    page = f'<!doctype html><html lang="{language}"><head>{head}</head>'
    return Letter(subject, "\n".join(text), f'{page}<body style="{_BODY}">{"".join(html)}</body>')


def _days(digest: Digest) -> str:
    """`02.03.2026`, or where days off lie between, `27.02 – 01.03.2026`."""
    last = digest.until - timedelta(days=1)
    if last == digest.since:
        return f"{last:%d.%m.%Y}"
    return f"{digest.since:%d.%m} – {last:%d.%m.%Y}"


def _was(digest: Digest, voice: Voice) -> Iterator[_Row]:
    words = voice.words
    yield _Row(words("Calls to us"), digest.calls, "/figures")
    yield _Row(words("answered"), digest.answered, under=True)
    yield _Row(words("missed"), digest.missed, late=digest.missed > 0, under=True)
    yield _Row(words("Calls by us"), digest.out)
    yield _Row(words("New deals"), digest.new_cards, "/board")
    for source, many in digest.sources:
        yield _Row(source or words("without a source"), many, under=True)


def _now(digest: Digest, voice: Voice) -> Iterator[_Row]:
    words = voice.words
    yield _Row(words("To call back"), digest.owed, "/call-back")
    yield _Row(words("overdue"), digest.owed_late, late=digest.owed_late > 0, under=True)
    yield _Row(words("Overdue tasks"), digest.tasks_late, "/today", digest.tasks_late > 0)
    yield _Row(words("Deals without a next step"), digest.no_step, "/board")
    yield _Row(words("Letters in doubt"), digest.in_doubt, "", digest.in_doubt > 0)


def _line(one: _Row) -> str:
    return f"{'    ' if one.under else '  '}{one.label}: {one.figure}"


def _cells(one: _Row, url: str) -> str:
    label = escape(one.label)
    if one.path:
        label = f'<a href="{escape(url + one.path)}">{label}</a>'
    label_style = f"{_CELL};{_MUTED};padding-left:16px" if one.under else _CELL
    figure_style = f"{_FIGURE};{_LATE}" if one.late else _FIGURE
    return (
        f'<tr><th style="{label_style}">{label}</th>'
        f'<td style="{figure_style}">{one.figure}</td></tr>'
    )
