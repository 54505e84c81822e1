"""Judges a run by the whole history of who asked, against what the base has in the end."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from storage.cards import counted, recount
from storage.documents import read_decision
from tests.hooks import Pbx, Sent
from tests.running import beside, rows
from webhooks.dialects.document import as_json


class Call(NamedTuple):
    ref: str
    state: str
    number: str | None
    contact: str | None
    card: str | None


@dataclass(frozen=True)
class Kept:
    """What a base has."""

    events: list[tuple[bytes, bytes, str, str]]  # body, answer, kind, key
    calls: list[Call]
    contacts: int
    cards: int
    decisions: dict[str, list[bytes]]  # by the call's ref: what it was told, spelt out
    wrong_loads: int

    @property
    def bodies(self) -> Counter[bytes]:
        return Counter(bytes(body) for body, *_ in self.events)

    @property
    def answers(self) -> dict[bytes, bytes]:
        return {bytes(body): bytes(answer) for body, answer, *_ in self.events}


async def look(url: str) -> Kept:
    """Read a base, and make sure that it is whole."""
    if url.startswith("sqlite"):
        assert await rows(url, "PRAGMA integrity_check") == [("ok",)]
        assert await rows(url, "PRAGMA foreign_key_check") == []
    told: dict[str, list[bytes]] = defaultdict(list)
    for ref, decision in await rows(
        url,
        "SELECT c.ref, d.decision FROM decision d JOIN call c ON c.id = d.call "
        "ORDER BY c.ref, d.run, d.attempt",
    ):
        told[ref].append(as_json(read_decision(decision)).body)
    async with beside(url) as base:
        loads = await base.read(counted), await base.read(recount)
    return Kept(
        events=[
            (body, answer, kind, key)
            for body, answer, kind, key in await rows(
                url, "SELECT body, answer, kind, key FROM event"
            )
        ],
        calls=[
            Call(*row)
            for row in await rows(url, "SELECT ref, state, caller_number, contact, card FROM call")
        ],
        contacts=(await rows(url, "SELECT count(*) FROM contact"))[0][0],
        cards=(await rows(url, "SELECT count(*) FROM card"))[0][0],
        decisions=told,
        wrong_loads=sum(
            loads[0].get(slot) != loads[1].get(slot) for slot in {*loads[0], *loads[1]}
        ),
    )


def lost(pbx: Pbx, kept: Kept) -> list[Sent]:
    """What was acknowledged and is not there."""
    bodies = kept.bodies
    return [sent for sent in pbx.acknowledged if not bodies[sent.body]]


def doubled(kept: Kept) -> list[bytes]:
    """Events that are there more than once."""
    return [body for body, count in kept.bodies.items() if count > 1]


def contradicted(pbx: Pbx) -> list[list[bytes]]:
    """Events that were answered in more than one way."""
    told: dict[bytes, set[bytes]] = defaultdict(set)
    for sent in pbx.acknowledged:
        told[sent.body].add(sent.answer)
    return [sorted(answers) for answers in told.values() if len(answers) > 1]


def misremembered(pbx: Pbx, kept: Kept) -> list[tuple[bytes, bytes]]:
    """Answers that the base has otherwise: (told, kept)."""
    answers = kept.answers
    return [
        (sent.answer, answers[sent.body])
        for sent in pbx.acknowledged
        if sent.body in answers and answers[sent.body] != sent.answer
    ]


def misdecided(pbx: Pbx, kept: Kept) -> list[tuple[bytes, list[bytes]]]:
    """Calls whose kept plan is not the one that was sent: (sent, kept)."""
    return [
        (sent.answer, kept.decisions.get(sent.event["call_id"], []))
        for sent in pbx.acknowledged
        if sent.event["event"] in ("ringing", "next")
        and sent.answer not in kept.decisions.get(sent.event["call_id"], [])
    ]


def check(pbx: Pbx, kept: Kept) -> None:
    """Everything that was promised: nothing lost, nothing twice, told is told."""
    assert not lost(pbx, kept), _some(lost(pbx, kept))
    assert not doubled(kept), _some(doubled(kept))
    assert not contradicted(pbx), _some(contradicted(pbx))
    assert not misremembered(pbx, kept), _some(misremembered(pbx, kept))
    assert not misdecided(pbx, kept), _some(misdecided(pbx, kept))
    assert set(kept.bodies) <= {sent.body for sent in pbx.history}, "nobody sent that"
    refs = Counter(call.ref for call in kept.calls)
    assert max(refs.values(), default=1) == 1, _some([r for r, n in refs.items() if n > 1])
    assert {sent.event["call_id"] for sent in pbx.acknowledged} <= set(refs)
    _check_people(pbx, kept)
    assert kept.wrong_loads == 0


def _check_people(pbx: Pbx, kept: Kept) -> None:
    """One contact and one card for each number; for each withheld call its own."""
    rang = {sent.event["call_id"] for sent in pbx.acknowledged if sent.event["event"] == "ringing"}
    mine: dict[str, set[tuple[str | None, str | None]]] = defaultdict(set)
    for call in kept.calls:
        if call.number or call.contact or call.ref in rang:
            mine[call.number or call.ref].add((call.contact, call.card))
    shared = {who: found for who, found in mine.items() if len(found) > 1}
    assert not shared, _some(list(shared.items()))
    found = [people for people in mine.values() if None in next(iter(people))]
    assert not found, "a caller without contact or card"
    assert kept.contacts == kept.cards == len(mine)


def _some(found: Sequence[Any]) -> str:
    shown = "\n".join(json.dumps(str(one), ensure_ascii=False)[:1500] for one in found[:5])
    return f"{len(found)}, such as\n{shown}"
