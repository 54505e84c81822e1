"""Which texts of the base people, callers and PBXs write as they like, and evil ones in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from sqlalchemy import Connection, LargeBinary, String, Table, select, update

from callrouter.domain.setup import Setup
from storage import setups, tables
from tests.e2e.evil import EVIL

FREE: Final[Mapping[str, tuple[str, ...]]] = {
    table: tuple(names.split())
    for table, names in {
        "alarm": "subject",
        "attachment": "name",
        "backup": "place error",
        "block": "reason",
        "call": "caller_raw reason note",
        "call_order": "reason",
        "campaign": "name",
        "card": "title loss_reason",
        "card_item": "name unit",
        "consent": "evidence text_version",
        "contact": "name first_name middle_name last_name comment position",
        "contact_email": "email",
        "contact_phone": "label",
        "contact_tag": "tag",
        "custom_field": "name",
        "custom_value": "text",
        "document": "label end_reason",
        "draft": "name",
        "event": "query body",
        "fetch": "reason",
        "import": "file",
        "job": "error",
        "lead": "name text page utm",
        "leg": "reason",
        "letter": "reason email subject html text",
        "membership": "role",
        "note": "text",
        "presence": "reason",
        "product": "article name unit group",
        "quarantine": "field reason query body",
        "recording": "transcript",
        "refused": "reason peer",
        "replay": "name error",
        "setup_version": "note",
        "source": "name",
        "suppressed": "email",
        "task": "text result",
        "token": "name",
        "user": "name email",
        "visit": "address agent",
    }.items()
}
"""What people, callers and PBXs write, by table; `poison` writes into each."""

OURS: Final[Mapping[str, tuple[str, ...]]] = {
    table: tuple(names.split())
    for table, names in {
        "act": "call act",
        "alarm": "id kind data open_for",
        "attachment": "id card file type digest by deleted_by",
        "attempt": "key",
        "audit": "actor action object data address digest",
        "backup": "id digest state",
        "batch": "calls",
        "block": "id number by",
        "business_event": "id kind actor call card contact data",
        "call": "id account ref direction state line caller_kind caller_number contact card manager office team entity source outcome",
        "call_order": "id account manager target number line by state ref claim",
        "campaign": "key source",
        "card": "id contact open_for pipeline status kind parent manager manager_by source_first source_last campaign office team entity made_by_call",
        "card_contact": "card contact by",
        "card_item": "card product vat by",
        "consent": "id contact purpose how",
        "contact": "id kind relation folded responsible inn source_first source_last made_for merged_into talked_manager",
        "contact_email": "contact state",
        "contact_phone": "contact number",
        "contact_tag": "contact",
        "cooling": "id manager account dial reason by",
        "counter": "name",
        "custom_field": "key noun type",
        "custom_value": "field owner",
        "decision": "call key decision why facts",
        "document": "id kind series state card entity data template by replaces",
        "document_file": "document format file digest",
        "draft": "id document by",
        "event": "account key call kind event joins answer_type",
        "external_id": "system noun id ours",
        "fetch": "id account ref call leg kind url state recording",
        "handover": "id by from_manager to_manager",
        "handover_item": "handover noun id to_manager",
        "import": "id by counts",
        "import_row": "run contact action before after digest",
        "job": "id kind payload key state token",
        "lead": "id system external_id card contact source",
        "leg": "call ref account dial manager mode status hold",
        "letter": "id card key kind state contact manager message_id document data by released_by token",
        "load": "id manager pipeline status",
        "lookup": "term contact",
        "membership": "person company",
        "merge": "id kept gone by before",
        "meta": "key value",
        "note": "id card call by",
        "notice": "kind call card manager",
        "outbox": "kind event call card data",
        "presence": "id manager state by",
        "product": "id vat folded",
        "pulse": "manager",
        "quarantine": "id account",
        "recording": "id account ref call leg kind file type digest peaks said deleted_by",
        "refused": "account provider",
        "replay": "id draft document state result by",
        "responsibility": "id card contact manager by",
        "setup_version": "document made_by",
        "source": "key",
        "suppressed": "purpose reason by",
        "task": "id kind card contact call parent owner author closed_by phone open_for line team cause cause_data",
        "template": "name format made_by",
        "token": "id role manager digest",
        "transition": "card from_status to_status by",
        "user": "id manager role password totp recovery subject prefs by",
        "visit": "digest id kind role manager user",
    }.items()
}
"""Every other text: ids, keys, codes, numbers, hashes, and what the server itself wrote."""


TOLD: Final[Mapping[str, tuple[str, ...]]] = {
    table: tuple(names.split())
    for table, names in {
        "business_event": "data",
        "decision": "why facts",
        "document": "data",
        "letter": "data",
    }.items()
}
"""Objects that the server wrote, with words of people among their codes, keys and moments."""


def texts_of(table: Table) -> set[str]:
    """The columns that hold a text."""
    return {one.name for one in table.c if isinstance(one.type, String)}


def whole(n: int) -> str:
    """All of them in one text; which of them begins it goes on with `n`."""
    first = (EVIL.index("javascript:evil()") + n) % len(EVIL)
    return " ".join(EVIL[first:] + EVIL[:first])


def packs(longest: int) -> list[str]:
    """All of them that fit at all, as many in a text as it has room for."""
    found, left = [], [one for one in EVIL if len(one) <= longest]
    while left:
        text = left.pop(0)
        for one in list(left):
            if len(text) + 1 + len(one) <= longest:
                text = f"{text} {one}"
                left.remove(one)
        found.append(text)
    return found


_SHAPED: Final[Mapping[tuple[str, str], Callable[[str], str]]] = {
    ("lead", "utm"): lambda text: json.dumps({"utm_source": text, text: "1"}),
    ("recording", "transcript"): lambda text: json.dumps([{"from": 0.0, "text": text}]),
}
_ROOMY: Final = 4200
_WORDS: Final = re.compile(r"[А-Яа-яЁё]")
"""Tells words from codes: the company of the tests speaks Russian."""


def poison(conn: Connection) -> dict[tuple[str, str], int]:
    """Write evil texts into every free place of every row; gives how many rows, by place."""
    written: dict[tuple[str, str], int] = {}
    for table in tables.metadata.sorted_tables:
        for name in FREE.get(table.name, ()):
            written[table.name, name] = _poison(conn, table, name)
        for name in TOLD.get(table.name, ()):
            written[table.name, name] = _poison_told(conn, table, name)
    _poison_setup(conn)
    return written


def _poison(conn: Connection, table: Table, name: str) -> int:
    column, keys = table.c[name], list(table.primary_key.columns)
    longest = getattr(column.type, "length", None) or _ROOMY
    unique = column.unique or column.primary_key
    short = packs(longest - 5 if unique else longest) if longest < _ROOMY else []
    order = table.primary_key.columns
    rows = conn.execute(select(*keys, column).order_by(*(one.desc() for one in order))).all()
    n = 0
    for row in rows:
        if table.name == "contact" and row[-1] is None:
            continue  # a person has no company's names, nor the other way round
        text = short[n % len(short)] if short else whole(n)
        if unique:
            text = f"{text} {n}"
        shape = _SHAPED.get((table.name, name))
        given: str | bytes = shape(text) if shape else text
        if isinstance(column.type, LargeBinary):
            given = text.encode()
        mine = [key == value for key, value in zip(keys, row[: len(keys)], strict=True)]
        conn.execute(update(table).where(*mine).values({name: given}))
        n += 1
    return n


def _poison_told(conn: Connection, table: Table, name: str) -> int:
    """Evil words for whatever in the objects of a column are words; gives how many those were."""
    column, keys, numbers = table.c[name], list(table.primary_key.columns), count()
    for row in conn.execute(select(*keys, column).where(column.is_not(None))).all():
        told = row[-1]
        mine = [key == value for key, value in zip(keys, row[: len(keys)], strict=True)]
        evil = json.dumps(_evil_words(json.loads(told), numbers))
        conn.execute(update(table).where(*mine).values({name: evil}))
    return next(numbers)


def _evil_words(told: Any, numbers: Iterator[int]) -> Any:
    if isinstance(told, dict):
        return {key: _evil_words(one, numbers) for key, one in told.items()}
    if isinstance(told, list):
        return [_evil_words(one, numbers) for one in told]
    return whole(next(numbers)) if isinstance(told, str) and _WORDS.search(told) else told


def _poison_setup(conn: Connection) -> None:
    """What things are called in the Setup, and what else is said in it in words."""
    setup = setups.load(conn, setups.current_version(conn))
    setups.publish(conn, evil_setup(setup), by="apply", now=datetime.now(UTC))


def evil_setup(setup: Setup) -> Setup:
    """The same with evil names; a rule's stands in addresses, and has room for a few only."""
    numbers, few = iter(range(10**6)), packs(500)

    def text() -> str:
        return whole(next(numbers))

    return replace(
        setup,
        company=replace(setup.company, name=text()),
        office=tuple(replace(one, name=text()) for one in setup.office),
        team=tuple(replace(one, name=text()) for one in setup.team),
        manager=tuple(replace(one, name=text(), post=text()) for one in setup.manager),
        absence=tuple(replace(one, reason=text()) for one in setup.absence),
        line=tuple(replace(one, name=text()) for one in setup.line),
        rule=tuple(
            replace(one, name=few[n % len(few)] + f" {n}") for n, one in enumerate(setup.rule)
        ),
        pipeline=tuple(
            replace(
                one,
                name=text(),
                statuses=tuple(replace(each, name=text()) for each in one.statuses),
            )
            for one in setup.pipeline
        ),
        ladder=tuple(
            replace(
                one,
                step=tuple(
                    replace(each, say=each.say and text(), skill=each.skill) for each in one.step
                ),
            )
            for one in setup.ladder
        ),
        entity=tuple(
            replace(
                one,
                name=text(),
                full_name=text(),
                address=text(),
                bank=text(),
                phone=text(),
                site=text(),
                signer=text(),
                signer_post=text(),
                terms=text(),
            )
            for one in setup.entity
        ),
        block=tuple(replace(one, reason=text()) for one in setup.block),
        field=tuple(
            replace(one, name=text(), choices=tuple(text() for _ in one.choices))
            for one in setup.field
        ),
    )
