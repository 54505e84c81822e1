"""What a server still needs: facts to items."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from callrouter.domain.readiness import (
    AccountFacts,
    BackupFacts,
    Code,
    Facts,
    Item,
    LineFacts,
    MailFacts,
    Tick,
    ready,
)

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = Tick("manager:vera", NOON)
LINE = LineFacts("+74951230001", "Сайт", "+74950000000", reached=NOON)
WHOLE = Facts(
    today=date(2026, 3, 2),
    accounts=(AccountFacts("main", heard=NOON),),
    lines=(LINE,),
    ticks={("key", "ab12"): TICK},
    address="https",
    url="https://calls.example",
    mail=MailFacts(server=True, checked=NOON),
    backups=BackupFacts(newest=NOON, tried=NOON),
    key="ab12",
    zone="Europe/Moscow",
    admins=2,
    duty="known",
    duty_name="Вера Котова",
)


def item(facts: Facts, code: Code) -> Item:
    (found,) = (one for one in ready(facts) if one.code == code)
    return found


def test_a_server_that_has_everything_is_ready() -> None:
    assert {one.code: one.state for one in ready(WHOLE) if one.state != "ok"} == {}


def test_a_new_server_has_everything_to_do_and_nothing_broken() -> None:
    states = {one.code: one.state for one in ready(Facts(today=WHOLE.today))}
    assert set(states.values()) == {"todo", "ok"}
    assert {code for code, state in states.items() if state == "ok"} == {"sample", "calendar"}


def line(**said: object) -> Facts:
    return replace(WHOLE, lines=(replace(LINE, **said),))  # type: ignore[arg-type]


CASES = [
    ("hooks", replace(WHOLE, accounts=(AccountFacts("main"),)), "todo", "never"),
    (
        "hooks",
        replace(WHOLE, accounts=(AccountFacts("main", NOON, NOON + HOUR, "wrong"),)),
        "broken",
        "refused",
    ),
    (
        "hooks",
        replace(WHOLE, accounts=(AccountFacts("main", NOON, NOON - HOUR, "wrong"),)),
        "ok",
        "heard",
    ),
    ("last_resort", line(reached=None), "todo", "never"),
    ("last_resort", line(), "ok", "called"),
    ("answered", line(gaps="Sa,Su 00:00-24:00"), "todo", "gaps"),
    ("notice", line(records=True), "todo", "never"),
    ("notice", line(records=True, notice="none"), "broken", "silent"),
    ("notice", line(records=True, notice="manager"), "ok", "manager"),
    ("address", replace(WHOLE, address="plain"), "todo", "plain"),
    ("address", replace(WHOLE, address="here"), "todo", "here"),
    ("address", replace(WHOLE, accounts=()), "todo", "unheard"),
    ("mail", replace(WHOLE, mail=MailFacts()), "todo", "no_server"),
    ("mail", replace(WHOLE, mail=MailFacts(server=True)), "todo", "unchecked"),
    ("mail", replace(WHOLE, mail=MailFacts(server=True, sent=NOON)), "todo", "sent"),
    (
        "mail",
        replace(WHOLE, mail=MailFacts(server=True, checked=NOON, works=False)),
        "broken",
        "failed",
    ),
    ("mail", replace(WHOLE, mail=MailFacts(server=True, checked=NOON, bad=1)), "broken", "mend"),
    ("mail", replace(WHOLE, mail=MailFacts(server=True, checked=NOON, mend=1)), "ok", "mend"),
    ("backup", replace(WHOLE, backups=BackupFacts()), "todo", "never"),
    ("backup", replace(WHOLE, backups=BackupFacts(late=True)), "broken", "never"),
    ("backup", replace(WHOLE, backups=BackupFacts(newest=NOON, late=True)), "broken", "late"),
    ("restore", replace(WHOLE, backups=BackupFacts(newest=NOON)), "todo", "never"),
    (
        "restore",
        replace(WHOLE, backups=BackupFacts(newest=NOON, tried=NOON, failed=True)),
        "broken",
        "failed",
    ),
    ("key", replace(WHOLE, ticks={}), "todo", "file"),
    ("key", replace(WHOLE, key="cd34"), "todo", "file"),
    ("key", replace(WHOLE, ticks={}, key_kept_in="environment"), "todo", "environment"),
    ("admins", replace(WHOLE, admins=1), "todo", "one"),
    ("admins", replace(WHOLE, admins=0), "todo", "never"),
    ("calendar", replace(WHOLE, today=date(2026, 9, 30)), "ok", "known"),
    ("calendar", replace(WHOLE, today=date(2026, 10, 1)), "todo", "unread"),
    ("duty", replace(WHOLE, duty="never"), "todo", "never"),
    ("duty", replace(WHOLE, duty="gone"), "broken", "gone"),
    ("duty", replace(WHOLE, duty="no_phone"), "broken", "no_phone"),
    ("sample", replace(WHOLE, sample=True), "todo", "there"),
]


@pytest.mark.parametrize(
    ("code", "facts", "state", "said"), CASES, ids=[f"{one[0]} {one[3]} {one[2]}" for one in CASES]
)
def test_each_item_says_how_it_stands(code: Code, facts: Facts, state: str, said: str) -> None:
    found = item(facts, code)
    assert (found.state, found.said) == (state, said)


def test_a_tick_is_for_what_it_was_given_for() -> None:
    """Another number, another key, another year: somebody has to look again."""
    before = line(reached=None)
    subject = item(before, "last_resort").subject
    ticked = replace(before, ticks={("last_resort", subject): TICK})
    assert item(ticked, "last_resort").state == "ok"
    other = replace(ticked, lines=(replace(LINE, reached=None, last_resort="+74950000001"),))
    assert item(other, "last_resort").state == "todo"
    autumn = replace(WHOLE, today=date(2026, 11, 1), ticks={("calendar", "2027"): TICK})
    assert item(autumn, "calendar").state == "ok"
    assert item(replace(autumn, today=date(2027, 11, 1)), "calendar").state == "todo"


def test_the_demo_makes_no_backups_and_is_not_asked_for_them() -> None:
    codes = {one.code for one in ready(replace(WHOLE, backups=None))}
    assert not codes & {"backup", "restore"}


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        (line(reached=None), {"last_resort"}),
        (line(records=True), {"notice"}),
        (line(records=True, notice="none"), set()),
        (replace(WHOLE, ticks={}), {"key"}),
        (replace(WHOLE, today=date(2026, 12, 1)), {"calendar"}),
        (replace(WHOLE, admins=0, mail=MailFacts(), backups=BackupFacts()), set()),
    ],
)
def test_a_person_confirms_only_what_no_program_can_see(facts: Facts, asked: set[str]) -> None:
    assert {one.code for one in ready(facts) if one.can_be_ticked} == asked
