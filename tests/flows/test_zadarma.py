"""What Zadarma's hooks do to the base, and what a captured one cannot do, on both engines."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest

from callrouter.domain.decisions import Connect
from callrouter.domain.setup import Account, Block, Setup, Step
from callrouter.flows.work import Entry
from storage import tables
from storage.database import Database
from storage.ids import new_id
from storage.journal import Raw
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP, with_ladder
from tests.office import Office
from tests.webhooks.forging import mutate
from webhooks.provider import RawHook, UnreadableHook
from webhooks.providers.zadarma import Zadarma, sign

SECRET = b"zd-secret-0000-example"
ACCOUNT = Account(
    key="zad",
    default_line=LINE_NUMBER,
    provider="zadarma",
    secret=SECRET.decode(),
    time_zone="Europe/Moscow",
)
PROVIDER = Zadarma(ACCOUNT, (SECRET,))

CALLER, OTHER = "79161234567", "79037654321"
DID = LINE_NUMBER.removeprefix("+")
BEGINS = "2026-03-02 12:00:00"  # MONDAY_NOON in Moscow

Fields = dict[str, str]


def setup_of(owner: Any = "first", **anna: Any) -> Setup:
    people = (replace(SETUP.manager[0], **anna), *SETUP.manager[1:])
    line = replace(SETUP.line[0], account="zad")
    changed = replace(SETUP, account=(ACCOUNT,), line=(line,), manager=people)
    return replace(changed, routing=replace(SETUP.routing, owner=owner))


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


def signature_of(fields: Mapping[str, str]) -> str:
    match fields["event"]:
        case "NOTIFY_ANSWER":
            names: tuple[str, ...] = ("caller_id", "destination", "call_start")
        case "NOTIFY_OUT_START" | "NOTIFY_OUT_END":
            names = ("internal", "destination", "call_start")
        case "NOTIFY_RECORD":
            names = ("pbx_call_id", "call_id_with_rec")
        case _:
            names = ("caller_id", "called_did", "call_start")
    return sign(SECRET, "".join(fields[name] for name in names).encode()).decode()


def entry(fields: Mapping[str, str], when: float, signature: str = "") -> Entry:
    """As the front door makes it, trust and all."""
    hook = RawHook(
        account="zad",
        method="POST",
        url="https://crm.example/webhooks/zadarma/zad",
        query="",
        headers=(("signature", signature or signature_of(fields)),),
        body=urlencode(fields).encode(),
        peer="185.45.152.42",
        arrived=at(when),
        arrived_s=1000.0,
    )
    PROVIDER.verify(hook)
    (event,) = PROVIDER.parse(hook)
    return Entry(
        event=event,
        raw=Raw(hook.body, ""),
        call_id=new_id(hook.arrived),
        can=PROVIDER.can(hook),
        render=partial(PROVIDER.answer, hook=hook),
        accept=PROVIDER.accept(hook),
    )


def call(name: str, caller: str = CALLER, ref: str = "in_1", **more: str) -> Fields:
    start = more.pop("call_start", BEGINS)
    did = {} if name == "ANSWER" else {"called_did": DID}
    said = {"event": f"NOTIFY_{name}", "caller_id": caller, "call_start": start}
    return {**said, **did, "pbx_call_id": ref, **more}


def call_out(name: str, internal: str, ref: str = "out_1", **more: str) -> Fields:
    said = {"event": f"NOTIFY_OUT_{name}", "internal": internal, "destination": CALLER}
    return {**said, "call_start": "2026-03-02 12:10:00", "pbx_call_id": ref, **more}


START = call("START")
INTERNAL = call("INTERNAL", internal="101")
ANSWER = call("ANSWER", destination="101", internal="101")
END = call("END", internal="101", duration="60", disposition="answered", is_recorded="1")


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open(setup_of())


async def tell(office: Office, fields: Mapping[str, str], when: float, signature: str = "") -> Any:
    """Send a hook and give what was said to it."""
    one = entry(fields, when, signature)
    (taken,) = await office.take(one, now=at(when))
    return json.loads(taken.answer.body)


async def talk(office: Office, who: str, ref: str, when: float, caller: str = CALLER) -> None:
    """A call of 50 seconds with somebody."""
    start = (at(when) + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S")
    told = partial(call, caller=caller, ref=ref, call_start=start)
    await tell(office, told("START"), when)
    await tell(office, told("ANSWER", destination=who), when + 10)
    await tell(office, told("END"), when + 60)


async def everything(office: Office) -> dict[str, Any]:
    """What the base knows that a forgery could change, without the raw hooks."""
    nouns = (tables.call, tables.leg, tables.card, tables.contact, tables.task, tables.decision)
    return {
        **{noun.name: [tuple(row) for row in await office.rows(noun)] for noun in nouns},
        "events": [row.key for row in await office.rows(tables.event)],
    }


async def responsible(office: Office) -> str | None:
    card = await office.only(tables.card)
    found: str | None = card.manager
    return found


class TestCalls:
    async def test_a_call_from_its_beginning_to_its_recording(self, office: Office) -> None:
        assert await tell(office, START, 1) == {"redirect": "101", "return_timeout": 20}
        assert await tell(office, INTERNAL, 2) == {}
        assert await office.held(at(3)) == {"anna": ["ring"]}
        await tell(office, ANSWER, 8)
        assert await office.held(at(9)) == {"anna": ["talk"]}
        await tell(office, END, 68)
        record = {"event": "NOTIFY_RECORD", "pbx_call_id": "in_1", "call_id_with_rec": "17.1"}
        await tell(office, record, 110)
        row = await office.only(tables.call)
        assert (row.state, row.line, row.duration_s) == ("answered", LINE_NUMBER, 60)
        assert row.started_at == MONDAY_NOON
        assert await responsible(office) == "anna"
        assert await office.count(tables.task) == 0
        assert await office.held(at(111)) == {}

    async def test_who_picked_up_instead_talks(self, office: Office) -> None:
        await tell(office, START, 1)
        await tell(office, call("ANSWER", destination="103"), 30)
        await tell(office, END, 90)
        assert await responsible(office) == "vera"

    async def test_a_forwarded_call_is_talked_by_whose_number_it_is(
        self, database: Database
    ) -> None:
        office = await Office(database).open(setup_of(phones=("+79035550102",)))
        await tell(office, START, 1)
        await tell(office, call("ANSWER", destination="79035550102", internal="102"), 9)
        await tell(office, END, 90)
        assert await responsible(office) == "anna"

    @pytest.mark.parametrize("disposition", ["cancel", "no answer", "busy", "answered"])
    async def test_without_an_answer_it_is_missed_and_owed(
        self, office: Office, disposition: str
    ) -> None:
        await tell(office, START, 1)
        await tell(office, call("END", disposition=disposition, duration="60"), 40)
        assert (await office.only(tables.call)).state == "missed"
        assert await office.count(tables.task) == 1

    async def test_late_and_out_of_order_comes_to_the_same(self, office: Office) -> None:
        for fields, when in ((END, 68), (ANSWER, 69), (INTERNAL, 70)):
            await tell(office, fields, when)
        assert (await office.only(tables.call)).state == "answered"

    @pytest.mark.parametrize("caller", ["", "0", "Anonymous"])
    async def test_who_withholds_his_number_shares_nothing(
        self, office: Office, caller: str
    ) -> None:
        for n in (1, 2):
            start = f"2026-03-02 12:00:0{n}"
            await tell(office, call("START", caller, f"in_{n}", call_start=start), 10)
        assert await office.count(tables.contact) == 2
        assert {row.caller_kind for row in await office.rows(tables.call)} == {"withheld"}

    async def test_a_blocked_caller_hears_that_it_is_busy(self, database: Database) -> None:
        blocked = replace(setup_of(), block=(Block(f"+{CALLER}"),))
        office = await Office(database).open(blocked)
        assert await tell(office, START, 1) == {"redirect": "blacklist"}

    @pytest.mark.parametrize("dial", ["1", "10", "1010", "anna", "sip:a@b.example", "+79990000000"])
    async def test_a_phone_that_it_cannot_ring_is_never_kept_for_it(
        self, database: Database, dial: str
    ) -> None:
        step = Step(ring="manager", managers=("anna",))
        setup = with_ladder(step, setup=setup_of(dial=dial))
        office = await Office(database).open(setup)
        (taken,) = await office.take(entry(START, 1))
        assert taken.answer.body == b"{}"
        assert taken.why
        assert [one.passed for one in taken.why.steps[0].candidates] == ["no_phone"]
        assert await office.held(at(2)) == {}

    async def test_it_is_told_one_phone_though_the_ladder_has_more(self, office: Office) -> None:
        (taken,) = await office.take(entry(START, 1))
        assert isinstance(taken.decision, Connect)
        assert [one.managers for one in taken.decision.steps] == [("anna",)]
        assert not taken.decision.ask_again
        assert await office.held(at(30)) == {"anna": ["ring"]}
        assert await office.held(at(40)) == {}

    async def test_a_call_back_that_was_talked_settles_what_is_owed(self, office: Office) -> None:
        await tell(office, START, 1)
        await tell(office, call("END", disposition="no answer"), 40)
        await tell(office, call_out("START", "102"), 600)
        assert await office.held(at(601)) == {"boris": ["ring"]}
        end = call_out("END", "102", disposition="answered", duration="45")
        await tell(office, end, 660)
        (task,) = await office.rows(tables.task)
        assert task.done_at is not None
        assert await responsible(office) == "anna"  # who owed it

    async def test_a_card_of_nobody_gets_its_manager_by_a_talk_out(self, office: Office) -> None:
        await tell(office, START, 1)
        out = call_out("START", "102")
        await tell(office, out, 600)
        assert await responsible(office) is None
        end = call_out("END", "102", disposition="answered", duration="45")
        await tell(office, end, 660)
        assert await responsible(office) == "boris"

    async def test_an_answer_of_a_call_out_holds_who_calls_until_its_end(
        self, office: Office
    ) -> None:
        await tell(office, START, 1)
        out = call_out("START", "102")
        await tell(office, out, 600)
        answer = call("ANSWER", "102", "out_1", destination=CALLER, call_start=out["call_start"])
        await tell(office, answer, 605)
        assert await office.held(at(900)) == {"boris": ["talk"]}
        end = call_out("END", "102", disposition="answered", duration="1")
        await tell(office, end, 960)  # how long it was is not signed
        assert await responsible(office) == "boris"
        assert await office.held(at(961)) == {}

    async def test_a_call_back_in_vain_settles_nothing(self, office: Office) -> None:
        await tell(office, START, 1)
        await tell(office, call("END", disposition="no answer"), 40)
        await tell(office, call_out("START", "102"), 600)
        await tell(office, call_out("END", "102", disposition="no answer"), 660)
        (task,) = await office.rows(tables.task)
        assert task.done_at is None


class TestReplays:
    async def test_the_same_hooks_again_get_the_same_answers_and_do_nothing(
        self, office: Office
    ) -> None:
        all_of_it = [(START, 1), (INTERNAL, 2), (ANSWER, 8), (END, 68)]
        first = [await tell(office, fields, when) for fields, when in all_of_it]
        before = await everything(office)
        again = [await tell(office, fields, when + 3600) for fields, when in all_of_it]
        assert again == first
        assert await everything(office) == before

    @pytest.mark.parametrize("owner", ["first", "last"])
    async def test_nor_do_they_with_every_unsigned_field_changed(
        self, database: Database, owner: str
    ) -> None:
        office = await Office(database).open(setup_of(owner))
        await talk(office, "102", "in_0", -600)
        for fields, when in ((START, 1), (INTERNAL, 2), (ANSWER, 8), (END, 68)):
            await tell(office, fields, when)
        out = call_out("END", "101", disposition="answered", duration="45")
        await tell(office, call_out("START", "101"), 600)
        await tell(office, out, 660)
        owned, before = await responsible(office), await everything(office)
        chance = random.Random(owner)
        for fields in (START, ANSWER, END, out, INTERNAL):
            for name in fields.keys() - {"event", "caller_id", "called_did", "call_start"}:
                if name in ("destination", "internal") and name in signed(fields):
                    continue
                for value in ("in_0", "101", "999", mutate(fields[name], chance)):
                    forged = {**fields, name: value}
                    try:
                        sent = entry(forged, 700, signature_of(fields))
                    except UnreadableHook:
                        continue
                    await office.take(sent, now=at(700))
        after = await everything(office)
        assert await responsible(office) == owned
        assert len(after.pop("events")) - len(before.pop("events")) <= 4 + 4  # of INTERNAL alone
        assert await office.held(at(701)) == {}
        before.pop("leg"), after.pop("leg")
        assert {name: len(rows) for name, rows in after.items()} == {
            name: len(rows) for name, rows in before.items()
        }


def signed(fields: Mapping[str, str]) -> tuple[str, ...]:
    if fields["event"] == "NOTIFY_ANSWER":
        return ("caller_id", "destination", "call_start")
    if fields["event"].startswith("NOTIFY_OUT_"):
        return ("internal", "destination", "call_start")
    return ("caller_id", "called_did", "call_start")


@pytest.mark.parametrize("owner", ["first", "last"])
class TestForgeries:
    """Boris is responsible for the caller; whoever captured a hook wants it to be Anna."""

    @pytest.fixture
    async def office(self, database: Database, owner: str) -> Office:
        office = await Office(database).open(setup_of(owner))
        await talk(office, "102", "in_0", -600)
        assert await responsible(office) == "boris"
        return office

    async def test_a_talk_of_another_caller_is_put_on_his_call(self, office: Office) -> None:
        await tell(office, START, 1)
        foreign = call("ANSWER", OTHER, "in_1", destination="101")
        await tell(office, foreign, 5)
        await tell(office, call("END", disposition="answered", duration="60"), 60)
        assert await responsible(office) == "boris"
        assert (await office.rows(tables.call))[-1].state == "missed"

    async def test_an_end_of_another_call_is_put_on_his_talk(self, office: Office) -> None:
        await tell(office, START, 1)
        await tell(office, call("ANSWER", destination="102"), 5)
        await tell(office, call("END", OTHER, "in_1"), 6)
        assert (await office.rows(tables.call))[-1].state == "talking"
        assert await responsible(office) == "boris"

    async def test_a_beginning_is_made_an_answer_of_the_line(self, office: Office) -> None:
        await tell(office, START, 1)
        forged = call("ANSWER", destination=DID)
        await tell(office, forged, 5, signature_of(START))
        assert await office.held(at(6)) == {"boris": ["ring"]}
        await tell(office, call("END", disposition="cancel"), 20)
        assert (await office.rows(tables.call))[-1].state == "missed"
        assert await responsible(office) == "boris"

    @pytest.mark.parametrize("digits", range(len(DID)))
    async def test_nor_of_a_phone_whose_digits_end_the_line(
        self, office: Office, digits: int
    ) -> None:
        await tell(office, START, 1)
        text = CALLER + DID
        split = len(CALLER) + digits
        forged = call("ANSWER", text[:split], destination=text[split:])
        await tell(office, forged, 5, signature_of(START))
        await tell(office, call("END", disposition="cancel"), 20)
        assert await responsible(office) == "boris"

    async def test_a_beginning_is_made_the_ringing_of_everybodys_phone(
        self, office: Office
    ) -> None:
        await tell(office, START, 1)
        for extension in ("101", "103", "999"):
            forged = call("INTERNAL", internal=extension)
            await tell(office, forged, 5, signature_of(START))
        assert await office.held(at(6)) == {"boris": ["ring"]}

    async def test_a_beginning_is_made_an_end_of_a_long_talk_with_her(self, office: Office) -> None:
        await tell(office, START, 1)
        forged = call("END", internal="101", duration="600", disposition="answered")
        await tell(office, forged, 30)
        assert (await office.rows(tables.call))[-1].state == "missed"  # it is owed a call back
        assert await responsible(office) == "boris"

    async def test_a_call_out_of_hers_is_made_a_long_talk(self, office: Office) -> None:
        await tell(office, call_out("START", "101"), 600)
        forged = call_out("END", "101", duration="600", disposition="answered")
        await tell(office, forged, 630)
        assert await responsible(office) == "boris"

    async def test_a_call_out_of_hers_is_made_an_answer(self, office: Office) -> None:
        out = call_out("START", "101")
        await tell(office, out, 600)
        forged = call("ANSWER", "101", "out_1", destination=CALLER, call_start=out["call_start"])
        await tell(office, forged, 605, signature_of(out))
        await tell(office, call_out("END", "101", disposition="no answer"), 690)
        assert await responsible(office) == "boris"

    async def test_another_answer_is_put_on_her_call_out(self, office: Office) -> None:
        start = call_out("START", "103")["call_start"]
        await tell(office, call_out("START", "103"), 600)
        among_us = call("ANSWER", "103", "out_1", destination="101", call_start=start)
        await tell(office, among_us, 605)
        await tell(office, call_out("END", "103", disposition="no answer"), 690)
        assert await responsible(office) == "boris"

    async def test_an_older_beginning_is_put_on_his_call(self, office: Office) -> None:
        late = "2026-03-02 12:00:30"
        await tell(office, call("START", call_start=late), 31)
        await tell(office, call("START", OTHER, "in_1"), 40)
        await tell(office, call("ANSWER", destination="102", call_start=late), 45)
        call_1 = (await office.rows(tables.call))[-1]
        assert (call_1.state, call_1.caller_number) == ("talking", f"+{CALLER}")

    async def test_a_talk_with_her_that_was_signed_is_hers_where_the_last_owns(
        self, office: Office, owner: str
    ) -> None:
        await tell(office, START, 1)
        await tell(office, call("ANSWER", destination="101"), 5)
        await tell(office, call("END", duration="1", disposition="busy"), 60)
        assert await responsible(office) == ("anna" if owner == "last" else "boris")

    async def test_one_captured_beginning_makes_one_call(self, office: Office) -> None:
        await tell(office, START, 1)
        for n in range(20):
            again = {**START, "pbx_call_id": f"in_x{n}"}
            assert await tell(office, again, 100 + n) == {"redirect": "102", "return_timeout": 20}
        assert await office.count(tables.call) == 2
        assert await office.held(at(130)) == {}


async def test_whatever_is_forged_only_phones_of_the_setup_are_told(office: Office) -> None:
    chance = random.Random(4)
    for n in range(60):
        start = call("START", f"7916{n:07}", f"in_{n}")
        for name in ("pbx_call_id", "internal", "redirect", "destination"):
            start[name] = mutate(start.get(name, "101"), chance)
        try:
            said = await tell(office, start, n)
        except UnreadableHook:
            continue
        assert said.get("redirect") in {None, "101", "102", "103"}
