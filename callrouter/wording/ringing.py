"""The letter to whoever is rung: who calls, and the link to what there was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callrouter.domain.phones import pretty
from callrouter.wording import codes

if TYPE_CHECKING:
    from callrouter.domain.phones import CallerKind
    from callrouter.wording.people import Voice


def number_of(number: str | None, kind: CallerKind, raw: str, voice: Voice) -> str:
    """A caller's number as people read it."""
    withheld = codes.CALLERS["withheld"]
    if kind == "withheld":
        return voice.words(withheld)
    return pretty(number) if number else raw or voice.words(withheld)


def letter(name: str | None, number: str, line: str, link: str, voice: Voice) -> tuple[str, str]:
    """Subject and text. `name`: of a contact that is known; `line`: as the call has it."""
    words, known = voice.words, voice.setup.lines.get(line)
    subject = words("Calls you: {who}", who=name or number)
    parts = [
        subject,
        *([number] if name else []),
        words("Line: {name}", name=(known.name if known else "") or pretty(line)),
        words("Who calls, and what there was: {link}", link=link),
        words("The link opens for two hours, for whoever has signed in and may see the call."),
    ]
    return subject, "\n".join(parts) + "\n"
