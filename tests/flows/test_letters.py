"""A letter's way: asked for by a status, taken back, approved, waited for, formed, sent once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from callrouter.domain.setup import Block, Condition
from callrouter.flows import documents, import_contacts, people, sending
from callrouter.flows import letters as flow
from callrouter.flows.choose_contact import choose_contact
from callrouter.flows.leads import Lead, take_lead
from callrouter.flows.letters import AlreadyThere, NoSuchLetter, NotNow, NotYours
from callrouter.flows.no_such import NoSuchCard
from callrouter.import_file import Phone, Row
from callrouter.outside.mail import InDoubt, NotSent
from storage import contacts, frozen, leads, letters, profiles, tables
from storage.contacts import Person
from storage.database import Database
from storage.imports import Counts
from storage.leads import Consent
from storage.listing import Viewer
from tests.examples import event
from tests.flows.papers import DESK
from tests.letters import (
    BRIEF,
    IVAN,
    OFFER,
    SETUP,
    Department,
    with_letter,
    with_letters,
)

ADMIN = Viewer("admin")
CLOSED_OFFER = NotSent("no such user", "rcpt", 550, temporary=False)


@pytest.fixture
async def department(database: Database, tmp_path: Path) -> Department:
    return await Department(database, tmp_path).open()


async def in_work(department: Department, **more: object) -> str:
    """A card that has come to the status whose letter is an offer."""
    card = await department.card(**more)  # type: ignore[arg-type]
    await department.move(card, "in_work")
    return card


# The whole way


async def test_a_card_that_comes_to_work_sends_its_offer_and_goes_on(
    department: Department,
) -> None:
    card = await in_work(department)
    one = await department.letter(card)
    assert (one.state, one.email, one.document) == ("waiting", IVAN, None)
    assert one.wait_until == department.now + timedelta(seconds=30)
    await department.later(29)
    assert await department.states(card) == ["waiting"]
    await department.later(1)
    one = await department.letter(card)
    assert (one.state, one.n, one.reason) == ("sent", 1, None)
    assert one.message_id == f"<{card.lower()}.offer.1@romashka.example>"
    assert await department.status(card) == "offer_sent"
    mail, copy = department.mailer.handed_over
    assert (mail.to, copy.to) == (IVAN, "anna@romashka.example")
    assert mail.sender == "sales@romashka.example"
    paper = await department.only(tables.document)
    assert (paper.id, paper.number) == (one.document, 1)
    assert [each.title for each in one.frozen.attachments] == [
        "КП № 1 от 02.03.2026 — Иван Петров.pdf"
    ]
    assert await department.open_tasks() == []
    happened = await department.events("letter_asked", "letter_todo", "letter_sent", "card_moved")
    assert happened[:2] in (["card_moved", "letter_asked"], ["letter_asked", "card_moved"])
    assert sorted(happened[2:]) == ["card_moved", "letter_sent", "letter_todo"]


async def test_a_letter_that_is_taken_back_draws_no_number(department: Department) -> None:
    card = await in_work(department)
    one = await department.letter(card)
    await department.write(flow.cancel, one.id, by="anna")
    await department.write(flow.cancel, one.id, by="anna")  # a second click
    await department.later()
    one = await department.letter(card)
    assert (one.state, one.reason) == ("cancelled", "person")
    assert await department.count(tables.document) == 0
    assert department.mailer.handed_over == []
    other = await in_work(department, phone="+79161234568", email="olga@example.com")
    await department.later()
    assert await department.states(other) == ["sent"]
    assert (await department.only(tables.document)).number == 1


async def test_to_leave_the_status_takes_the_letter_back(department: Department) -> None:
    card = await in_work(department)
    await department.move(card, "new")
    one = await department.letter(card)
    assert (one.state, one.reason) == ("cancelled", "left_status")
    await department.later()
    assert department.mailer.handed_over == []


async def test_a_card_that_a_person_moved_meanwhile_stays_where_it_is(
    department: Department,
) -> None:
    card = await in_work(department)
    department.mailer.says = [NotSent("later", "rcpt", 450)]
    await department.later()
    assert await department.states(card) == ["todo"]
    await department.move(card, "invoice")
    await department.later(3600)
    assert await department.states(card) == ["sent"]
    assert await department.status(card) == "invoice"


async def test_a_card_closed_before_its_letter_left_sends_none_and_annuls_the_paper(
    department: Department,
) -> None:
    card = await in_work(department)
    department.mailer.says = [NotSent("later", "rcpt", 450)]
    await department.later()
    await department.move(card, "lost")
    await department.later(3600)
    one = await department.letter(card)
    assert (one.state, one.reason) == ("cancelled", "card_closed")
    assert (await department.only(tables.document)).state == "annulled"


# One of a kind


async def test_the_status_entered_again_asks_and_sends_nothing(department: Department) -> None:
    card = await in_work(department)
    await department.later()
    for _ in range(2):
        await department.move(card, "new")
        await department.move(card, "in_work")
    await department.later()
    assert await department.states(card) == ["sent"]
    assert await department.open_tasks() == [("send_again", "anna")]
    assert await department.events("letter_asked_again") == ["letter_asked_again"] * 2


async def test_only_a_person_makes_another_of_a_kind_and_only_one_at_a_time(
    department: Department,
) -> None:
    card = await in_work(department)
    await department.later()
    await department.move(card, "in_work")
    with pytest.raises(AlreadyThere):
        await ask(department, card, again=False)
    await ask(department, card)
    with pytest.raises(NotNow):
        await ask(department, card)
    await department.later()
    found = await department.letters(card)
    assert [(one.n, one.state) for one in found] == [(1, "sent"), (2, "sent")]
    assert found[0].message_id != found[1].message_id
    assert len({mail.to for mail in department.mailer.handed_over}) == 2
    assert await department.open_tasks() == []


async def ask(
    department: Department, card: str, key: str = "offer", *, again: bool = True
) -> letters.StoredLetter:
    made: letters.StoredLetter = await department.write(
        flow.ask_again, card, key, department.setup, again=again, by="anna"
    )
    return made


async def test_what_a_person_asks_for_is_of_the_cards_pipeline(department: Department) -> None:
    card = await department.card()
    with pytest.raises(NoSuchLetter):
        await ask(department, card, "none")
    with pytest.raises(NoSuchCard):
        await ask(department, "0" * 26)
    await ask(department, card, "brief", again=False)
    await department.move(card, "invoice")  # he wants it whatever the status is
    await department.later()
    assert await department.states(card) == ["sent"]


async def test_of_the_letters_of_a_kind_the_first_that_fits_is_asked_for(
    database: Database, tmp_path: Path
) -> None:
    vip = Condition(field="contact.tag", op="has", value="vip")
    dear = replace(OFFER, key="dear", when=Condition(all=(vip, Condition(not_=BY_SHOP))))
    setup = replace(SETUP, letter=(dear, OFFER, BRIEF))
    department = await Department(database, tmp_path).open(setup)
    card, plain = (
        await department.card(),
        await department.card(phone="+79161234568", email="o@e.ru"),
    )
    found = await database.read(letters.card_of, card)
    assert found

    def tag(conn: Connection) -> None:
        row = {"contact": found.contact, "tag": "vip"}
        conn.execute(tables.contact_tag.insert().values(**row))

    await database.write(tag)
    for one in (card, plain):
        await department.move(one, "in_work")
    assert [(await department.letter(one)).key for one in (card, plain)] == ["dear", "offer"]


BY_SHOP = Condition(field="source", op="is", value="shop")


async def test_the_same_offer_to_the_same_address_from_another_open_card_asks_first(
    department: Department,
) -> None:
    first = await in_work(department)
    await department.later()
    department.now += timedelta(days=13)
    second = await in_work(department, phone="+79161234568")
    one = await department.letter(second)
    assert (one.state, one.reason) == ("approval", f"same_offer: {first}")
    assert await department.open_tasks() == [("approve_letter", "anna")]
    await department.write(flow.approve, one.id, department.setup, viewer=ADMIN, by="vera")
    await department.later()
    assert await department.states(second) == ["sent"]
    assert await department.open_tasks() == []


async def test_a_closed_card_or_one_of_long_ago_asks_nothing(department: Department) -> None:
    first = await in_work(department)
    await department.later()
    await department.move(first, "lost")
    second = await in_work(department, phone="+79161234568")
    await department.later()
    department.now += timedelta(days=15)
    third = await in_work(department, phone="+79161234569")
    for card in (second, third):
        assert (await department.letter(card)).state in ("waiting", "sent")


# What it lacks


async def test_without_an_address_somebody_is_asked_and_then_it_can_be_taken_back(
    department: Department,
) -> None:
    card = await in_work(department, email=None)
    one = await department.letter(card)
    assert (one.state, one.email) == ("no_address", None)
    assert await department.open_tasks() == [("ask_email", "anna")]
    await department.later(3600)
    await department.give_address(card, "petrov@example.com")
    one = await department.letter(card)
    assert (one.state, one.wait_until) == ("waiting", department.now + timedelta(seconds=30))
    assert await department.open_tasks() == []
    await department.later()
    assert department.mailer.handed_over[0].to == "petrov@example.com"


async def test_an_address_that_is_none_or_wrong_counts_as_none(department: Department) -> None:
    for n, bad in enumerate(("a@b@c.ru", "ivan@", "x@y.ru\r\nBcc: z@z.ru", "иван", ".a@b.ru")):
        card = await in_work(department, email=bad, phone=f"+7916123450{n}")
        assert await department.states(card) == ["no_address"]


async def test_an_address_changed_while_waiting_is_waited_for_anew(
    department: Department,
) -> None:
    card = await in_work(department)
    await department.write(letters_mark_bad, IVAN)
    await department.give_address(card, "petrov@example.com")
    await department.later()
    one = await department.letter(card)
    assert (one.state, one.email) == ("waiting", "petrov@example.com")
    await department.later()
    assert await department.states(card) == ["sent"]


def letters_mark_bad(conn: Connection, email: str, *, now: object) -> None:
    del now
    letters.mark_bad(conn, email)


async def test_without_items_the_short_letter_goes_and_moves_nothing(
    department: Department,
) -> None:
    card = await in_work(department, items=False)
    await department.later()
    one = await department.letter(card)
    assert (one.state, one.kind, one.key, one.document) == ("sent", "brief", "offer", None)
    assert one.frozen.attachments == ()
    assert await department.status(card) == "in_work"
    assert await department.count(tables.document) == 0


async def test_a_price_that_nobody_confirmed_leaves_in_no_letter(department: Department) -> None:
    card = await department.card()
    await department.put(card, replace(DESK, by=""))
    await department.move(card, "in_work")
    await department.later()
    assert (await department.letter(card)).kind == "brief"


async def test_or_it_waits_for_items_and_nobody_can_allow_it_without(
    database: Database, tmp_path: Path
) -> None:
    department = await Department(database, tmp_path).open(with_letters(without_items="wait"))
    card = await in_work(department, items=False)
    one = await department.letter(card)
    assert (one.state, one.reason) == ("approval", "no_items")
    assert await department.open_tasks() == [("put_items", "anna")]
    with pytest.raises(NotNow):
        await department.write(flow.approve, one.id, department.setup, viewer=ADMIN, by="vera")
    await department.later(3600)
    await department.put(card)
    assert await department.states(card) == ["waiting"]
    await department.put(card, replace(DESK, by=""))  # taken away before it left
    await department.later()
    assert (await department.letter(card)).reason == "no_items"
    assert await department.count(tables.document) == 0
    await department.put(card)
    await department.later()
    assert await department.states(card) == ["sent"]
    assert await department.open_tasks() == []


async def test_a_short_letter_that_the_card_has_had_does_not_go_twice(
    department: Department,
) -> None:
    card = await department.card(items=False)
    await ask(department, card, "brief")
    await department.later()
    await department.move(card, "in_work")
    found = await department.letters(card)
    assert [(one.key, one.state, one.reason) for one in found] == [
        ("brief", "sent", None),
        ("offer", "approval", "no_items"),
    ]


# Approval

RIGHTS = [
    ("manager", Viewer("admin"), True),
    ("manager", Viewer("manager", "anna"), True),
    ("manager", Viewer("manager", "boris"), False),
    ("manager", Viewer("manager"), True),
    ("manager", Viewer("head", "vera"), True),
    ("manager", Viewer("auditor"), False),
    ("head", Viewer("admin"), True),
    ("head", Viewer("head", "vera"), True),
    ("head", Viewer("head", "boris"), False),
    ("head", Viewer("head"), True),
    ("head", Viewer("manager", "anna"), False),
    ("head", Viewer("manager"), False),
]


async def test_who_may_let_a_letter_go(sqlite_database: Database, tmp_path: Path) -> None:
    for release, owner in (("manager", "anna"), ("head", "vera")):
        department = Department(sqlite_database, tmp_path)
        department.setups.current = with_letter(release=release)
        if release == "manager":
            await department.open(department.setup)
        card = await in_work(department, email=f"{release}@example.com", phone="+79161234560")
        one = await department.letter(card)
        assert (one.state, one.reason) == ("approval", "release")
        assert (await department.open_tasks())[-1] == ("approve_letter", owner)
        for needs, viewer, may in RIGHTS:
            if needs == release:
                assert flow.may_approve(one, department.setup, viewer) == may, viewer
        await department.write(flow.cancel, one.id, by="vera")


async def test_an_approved_letter_can_still_be_taken_back(
    database: Database, tmp_path: Path
) -> None:
    department = await Department(database, tmp_path).open(with_letter(release="head"))
    card = await in_work(department)
    await department.later(3600)
    one = await department.letter(card)
    assert (one.state, await department.open_tasks()) == (
        "approval",
        [("approve_letter", "vera")],
    )
    anna = Viewer("manager", "anna")
    with pytest.raises(NotYours):
        await department.write(flow.approve, one.id, department.setup, viewer=anna, by="anna")
    await department.write(flow.approve, one.id, department.setup, viewer=ADMIN, by="vera")
    one = await department.letter(card)
    assert (one.state, one.released_by) == ("waiting", "vera")
    with pytest.raises(NotNow):
        await department.write(flow.approve, one.id, department.setup, viewer=ADMIN, by="vera")
    await department.move(card, "new")
    await department.later()
    assert await department.states(card) == ["cancelled"]
    assert await department.open_tasks() == []


# The moment of sending


async def test_in_quiet_hours_a_letter_goes_on_waiting(database: Database, tmp_path: Path) -> None:
    department = await Department(database, tmp_path).open(with_letters(quiet="20:00-08:00"))
    department.now = department.now.replace(hour=17, minute=30)  # 20:30 in Moscow
    card = await in_work(department)
    await department.later(3600)
    one = await department.letter(card)
    assert (one.state, one.reason, one.document) == ("waiting", "quiet", None)
    assert one.wait_until == department.now.replace(day=3, hour=5, minute=0, second=0)
    await department.later(9.5 * 3600)
    assert await department.states(card) == ["waiting"]
    await department.later(3600)
    assert await department.states(card) == ["sent"]


async def test_a_letter_put_off_into_the_quiet_hours_leaves_after_them(
    database: Database, tmp_path: Path
) -> None:
    department = await Department(database, tmp_path).open(with_letters(quiet="20:00-08:00"))
    department.now = department.now.replace(hour=16, minute=59)
    department.mailer.says = [NotSent("later", "rcpt", 450)]
    card = await in_work(department)
    await department.later(59)
    assert await department.states(card) == ["todo"]
    await department.later(3600)
    assert await department.states(card) == ["todo"]
    await department.later(12 * 3600)
    assert await department.states(card) == ["sent"]


async def test_nothing_leaves_a_restored_base_until_somebody_says_so(
    department: Department,
) -> None:
    await department.write(frozen.freeze, "restored")
    card = await in_work(department)
    for _ in range(5):
        await department.later(3600)
    assert await department.states(card) == ["todo"]
    assert department.mailer.handed_over == []
    await department.write(frozen.thaw, by="vera")
    await department.later(3600)
    assert await department.states(card) == ["sent"]


async def test_an_hour_has_room_for_so_many_letters(database: Database, tmp_path: Path) -> None:
    department = await Department(database, tmp_path).open(with_letters(per_hour=3))
    cards = [
        await in_work(department, phone=f"+7916123450{n}", email=f"i{n}@example.com")
        for n in range(5)
    ]
    await department.later()
    states = [(await department.letter(card)).state for card in cards]
    assert sorted(states) == ["sent"] * 3 + ["todo"] * 2
    await department.later(3600)
    assert {(await department.letter(card)).state for card in cards} == {"sent"}


async def test_no_address_is_flooded(database: Database, tmp_path: Path) -> None:
    setup = with_letters(same_offer_days=0)
    department = await Department(database, tmp_path).open(setup)
    for n in range(7):
        await in_work(department, phone=f"+7916123450{n}")
        department.now += timedelta(milliseconds=1)
    await department.later()
    to_him = [mail for mail in department.mailer.handed_over if mail.to == IVAN]
    assert len(to_him) == 5
    await department.later(3600)
    to_him = [mail for mail in department.mailer.handed_over if mail.to == IVAN]
    assert len(to_him) == 7


async def test_advertising_needs_consent_and_opting_out_holds_at_the_last_moment(
    database: Database, tmp_path: Path
) -> None:
    department = await Department(database, tmp_path).open(with_letter(promotional=True))
    refused = await in_work(department)
    await department.later()
    one = await department.letter(refused)
    assert (one.state, one.reason, one.document) == ("cancelled", "no_consent", None)
    agreed = await department.card(phone="+79161234568", email="olga@example.com")
    await consent(department, agreed)
    department.mailer.says = [NotSent("later", "rcpt", 450)]
    await department.move(agreed, "in_work")
    await department.later()
    one = await department.letter(agreed)
    assert one.state == "todo"
    assert (one.frozen.opt_out_url or "").startswith("https://calls.romashka.example/letters/stop/")
    assert "olga" not in (one.frozen.opt_out_url or "")
    assert await department.write(sending.opt_out, one.id) == "olga@example.com"
    await department.later(3600)
    one = await department.letter(agreed)
    assert (one.state, one.reason) == ("cancelled", "opted_out")
    assert department.mailer.handed_over == []
    assert (await department.only(tables.document)).state == "annulled"
    assert (await department.only(tables.consent)).withdrawn_at is not None


async def consent(department: Department, card: str) -> None:
    found = await department.database.read(letters.card_of, card)
    assert found
    given = [Consent("advertising", "lead", "{}", department.now)]
    await department.write(leads.add_consents, found.contact, given)


async def test_a_suppressed_address_gets_nothing_and_somebody_hears_of_it(
    department: Department,
) -> None:
    card = await in_work(department)
    department.mailer.says = [NotSent("later", "rcpt", 450)]
    await department.later()
    shut = letters.Suppressed(IVAN, "", "person", "vera", department.now)
    await department.write(sending.suppress, shut)
    await department.later(3600)
    one = await department.letter(card)
    assert (one.state, one.reason) == ("failed", "suppressed")
    assert await department.open_tasks() == [("letter_failed", "anna")]
    other = await in_work(department, phone="+79161234568")
    assert await department.states(other) == ["no_address"]


# What goes wrong


async def test_a_broken_template_sends_no_half_of_a_letter_and_goes_on_when_it_is_mended(
    department: Department,
) -> None:
    department.press.broken = "offer"
    card = await in_work(department)
    await department.later()
    one = await department.letter(card)
    assert (one.state, one.reason) == ("failed", "template: line 3: there is no variable nmae")
    assert await department.open_tasks() == [("letter_failed", "anna")]
    assert department.mailer.handed_over == []
    department.press.broken = ""
    await resolve(department, one.id, "again")
    await department.later()
    assert await department.states(card) == ["sent"]
    assert (await department.only(tables.document)).number == 1
    assert await department.open_tasks() == []


async def test_a_machine_without_time_for_a_letter_fails_none_and_one_that_is_too_much_is_told(
    department: Department,
) -> None:
    department.press.starved = 3
    card = await in_work(department)
    for _ in range(5):
        await department.later()
    assert await department.states(card) == ["sent"]
    department.press.starved = 1000
    other = await in_work(department, phone="+79161234568", email="i2@example.com")
    for _ in range(20):
        await department.later(600)
    one = await department.letter(other)
    assert (one.state, one.reason) == ("failed", "template: it takes too long to render")


async def test_an_offer_that_was_annulled_does_not_leave_and_again_gives_another_number(
    department: Department,
) -> None:
    card = await in_work(department)
    department.mailer.says = [NotSent("later", "rcpt", 450)]
    await department.later()
    one = await department.letter(card)
    assert (one.state, department.mailer.handed_over) == ("todo", [])
    await department.write(documents.annul, one.document, "a wrong price", by="anna")
    await department.later(3600)
    one = await department.letter(card)
    assert (one.state, one.reason) == ("failed", "document_over")
    assert department.mailer.handed_over == []
    assert await department.open_tasks() == [("letter_failed", "anna")]
    await resolve(department, one.id, "again")
    await department.later()
    assert await department.states(card) == ["sent"]
    papers = await department.rows(tables.document)
    assert sorted((row.number, row.state) for row in papers) == [(1, "annulled"), (2, "issued")]
    assert await department.open_tasks() == []


async def resolve(department: Department, letter: str, how: str) -> None:
    await department.write(sending.resolve, letter, how, department.setup, by="anna")


async def test_an_address_refused_for_good_is_told_and_the_second_time_it_counts_as_wrong(
    department: Department,
) -> None:
    card = await in_work(department)
    department.mailer.says = [CLOSED_OFFER, CLOSED_OFFER]
    await department.later()
    one = await department.letter(card)
    assert (one.state, one.reason) == ("failed", "address_refused: rcpt 550 no such user")
    assert await department.open_tasks() == [("letter_failed", "anna")]
    await resolve(department, one.id, "again")
    await department.later()
    assert (await department.letter(card)).state == "failed"
    await resolve(department, one.id, "again")
    assert await department.states(card) == ["no_address"]
    assert await department.open_tasks() == [("ask_email", "anna")]
    await department.give_address(card, "petrov@example.com")
    await department.later()
    one = await department.letter(card)
    assert (one.state, one.email) == ("sent", "petrov@example.com")
    assert (await department.only(tables.document)).number == 1


async def test_an_address_refused_between_letters_that_arrived_stays(
    department: Department,
) -> None:
    card = await department.card()
    for _ in range(3):
        one = await ask(department, card)
        department.mailer.says = [CLOSED_OFFER]
        await department.later(7200)
        await resolve(department, one.id, "again")
        await department.later()
    assert await department.states(card) == ["sent"] * 3


async def test_a_letter_in_doubt_is_never_sent_by_itself_again(department: Department) -> None:
    for n, how in enumerate(("sent", "again")):
        department.mailer.handed_over.clear()
        card = await in_work(department, phone=f"+7916123450{n}", email=f"i{n}@example.com")
        department.mailer.says = [InDoubt("the link dropped before 250")]
        await department.later()
        one = await department.letter(card)
        assert (one.state, one.reason) == ("in_doubt", "unsure: the link dropped before 250")
        assert await department.open_tasks() == [("letter_in_doubt", "anna")]
        for _ in range(3):
            await department.later(24 * 3600)
        assert len(department.mailer.handed_over) == 1
        with pytest.raises(NotNow):
            await department.write(flow.cancel, one.id, by="anna")
        await resolve(department, one.id, how)
        await department.later()
        again = await department.letter(card)
        assert (again.state, again.message_id) == ("sent", one.message_id)
        assert await department.status(card) == "offer_sent"
        assert await department.open_tasks() == []
        to_him = [mail for mail in department.mailer.handed_over if mail.to == one.email]
        assert len(to_him) == (2 if how == "again" else 1)
        with pytest.raises(NotNow):
            await resolve(department, one.id, "again")


async def test_a_proof_settles_a_doubt(department: Department) -> None:
    for n, bounces in enumerate((False, True)):
        card = await in_work(department, phone=f"+7916123450{n}", email=f"i{n}@example.com")
        department.mailer.says = [InDoubt("?")]
        await department.later()
        one = await department.letter(card)
        proof = {"by": "mailbox"}
        if bounces:
            given = {"message_id": one.message_id, **proof}
            await department.write(sending.bounced, one.email, department.setup, **given)
        else:
            await department.write(sending.seen, one.message_id, department.setup, **proof)
        assert await department.states(card) == ["sent"]
        assert await department.open_tasks() == ([("ask_email", "anna")] if bounces else [])


async def test_who_sends_a_letter_has_the_last_word_on_it_and_nobody_else(
    department: Department,
) -> None:
    """The server that sends is slow, is taken for dead, and says in the end what it knows."""
    for n, says in enumerate(("sent", "put_back", "refused")):
        card = await in_work(department, phone=f"+7916123450{n}", email=f"i{n}@example.com")
        department.mailer.says = [NotSent("later", "rcpt", 450)]
        await department.later()
        one, setup = await department.letter(card), department.setup
        assert await department.write(sending.begin_sending, one.id, "first", setup) is None
        held = await department.write(sending.begin_sending, one.id, "second", setup)
        assert held is not None
        assert held.settled
        assert not await department.write(sending.was_sent, one.id, "second", "", setup)
        assert not await department.write(sending.put_back, one.id, "second", "?")
        assert await department.write(sending.doubt, one.id, "taken over", setup)
        assert await department.states(card) == ["in_doubt"]
        if says == "sent":
            assert await department.write(sending.was_sent, one.id, "first", "250", setup)
            assert await department.states(card) == ["sent"]
        elif says == "put_back":
            assert await department.write(sending.put_back, one.id, "first", "no DATA")
            assert await department.states(card) == ["todo"]
            await department.later(1)
            assert await department.states(card) == ["sent"]
        else:
            refused = (one.id, "first", 554, "spam", "content", setup)
            assert await department.write(sending.was_refused, *refused)
            assert await department.states(card) == ["failed"]
        assert not await department.write(sending.was_sent, one.id, "first", "250", setup)


async def test_a_move_that_the_pipeline_forbids_leaves_the_card_and_is_told(
    database: Database, tmp_path: Path
) -> None:
    pipeline = SETUP.pipeline[0]
    statuses = tuple(
        replace(one, moves=("new",)) if one.key == "in_work" else one for one in pipeline.statuses
    )
    setup = replace(SETUP, pipeline=(replace(pipeline, statuses=statuses),))
    department = await Department(database, tmp_path).open(setup)
    card = await in_work(department)
    await department.later()
    assert await department.states(card) == ["sent"]
    assert await department.status(card) == "in_work"
    assert await department.events("letter_moved_nothing") == ["letter_moved_nothing"]


async def test_a_greeting_has_a_name_only_if_a_person_confirmed_it(
    department: Department,
) -> None:
    for n, confirmed in enumerate((True, False)):
        card = await department.card(phone=f"+7916123450{n}", email=f"i{n}@example.com")
        found = await department.database.read(letters.card_of, card)
        assert found

        await department.database.write(_confirm, found.contact, confirmed=confirmed)
        await department.move(card, "in_work")
        await department.later()
        one = await department.letter(card)
        assert ("Иван Петров" in one.html, one.frozen.to_name) == (
            confirmed,
            "Иван Петров" if confirmed else "",
        )


def _confirm(conn: Connection, contact: str | None, *, confirmed: bool) -> None:
    c = tables.contact.c
    conn.execute(update(tables.contact).where(c.id == contact).values(name_confirmed=confirmed))


async def test_a_letter_that_its_own_sending_moved_on_takes_no_other_back(
    database: Database, tmp_path: Path
) -> None:
    thanks = replace(BRIEF, on_status="in_work", undo_seconds=3600)
    setup = replace(SETUP, letter=(OFFER, thanks))
    department = await Department(database, tmp_path).open(setup)
    card = await in_work(department)
    await department.later()
    assert sorted(await department.states(card)) == ["sent", "waiting"]
    await department.later(3600)
    assert await department.states(card) == ["sent", "sent"]


async def test_who_was_merged_into_another_gets_his_letter_there(department: Department) -> None:
    card = await in_work(department, email=None)
    found = await department.database.read(letters.card_of, card)
    assert found

    def merge(conn: Connection) -> None:
        other = profiles.add(
            conn,
            profiles.Profile(name="Иван", emails=("p@example.com",)),
            by="a",
            now=department.now,
        )
        c = tables.contact.c
        conn.execute(update(tables.contact).where(c.id == found.contact).values(merged_into=other))
        flow.address_filled(conn, [other], department.setup, by="a", now=department.now)

    await department.database.write(merge)
    await department.later()
    assert department.mailer.handed_over[0].to == "p@example.com"


# Where addresses come from, and cards


async def test_an_address_that_is_set_sent_or_imported_lets_the_letter_go(
    department: Department,
) -> None:
    """Whoever fills it, the letter begins anew and can be taken back."""
    for n, fill in enumerate((_set, _save, _lead, _import)):
        phone = f"+7916123450{n}"
        card = await in_work(department, email=None, phone=phone)
        found = await department.database.read(letters.card_of, card)
        assert found
        assert found.contact
        await fill(department, found.contact, phone, f"i{n}@example.com")
        one = await department.letter(card)
        assert (one.state, one.email) == ("waiting", f"i{n}@example.com"), fill.__name__
        assert one.wait_until == department.now + timedelta(seconds=30)


async def _set(department: Department, contact: str, phone: str, email: str) -> None:
    del phone
    sent = people.Person(frozenset({"emails"}), emails=(email,))
    await department.write(people.change, contact, sent, department.setup, by="anna")


async def _save(department: Department, contact: str, phone: str, email: str) -> None:
    del contact
    sent = people.Person(frozenset({"phones", "emails"}), phones=(phone,), emails=(email,))
    await department.write(people.save, sent, department.setup, system="crm", by="token:crm")


async def _lead(department: Department, contact: str, phone: str, email: str) -> None:
    del contact
    lead = Lead("shop", phone=phone, email=email)
    await department.write(take_lead, lead, department.setup, by="token:shop")


async def _import(department: Department, contact: str, phone: str, email: str) -> None:
    del contact
    row = Row(2, phones=(Phone(phone),), emails=(email,))
    run, now = import_contacts.Run("r" * 26, "a.csv", "file"), department.now

    def take(conn: Connection) -> None:
        part = import_contacts.prepare(conn, run, [row], now=now)
        import_contacts.take_part(conn, run, part, Counts(), now=now)

    await department.database.write(take)


async def test_a_card_that_goes_to_another_person_of_the_number_sends_to_his_address(
    department: Department,
) -> None:
    phone = "+79161234567"
    one = Person(name="Иван Петров", phones=(phone,))
    await department.write(contacts.add, one)
    await department.take(event("ringing"))
    card = (await department.only(tables.card)).id
    await ask(department, card)
    assert await department.states(card) == ["no_address"]
    other = Person(name="Анна Петрова", phones=(phone,), email="petrova@example.com")
    hers = await department.write(contacts.add, other)
    call = (await department.only(tables.call)).id
    await department.write(choose_contact, call, hers, department.setup, by="anna")
    found = await department.letter(card)
    assert (found.email, found.contact) == ("petrova@example.com", hers)


async def test_a_card_that_is_made_in_a_status_asks_for_its_letter_too(
    database: Database, tmp_path: Path
) -> None:
    setup = with_letter(key="thanks", on_status="new")
    department = await Department(database, tmp_path).open(setup)
    card = await department.card()
    lead = Lead("shop", phone="+79161234560", email="new@example.com")
    taken = await department.write(take_lead, lead, setup, by="token:shop")
    again = await department.write(take_lead, lead, setup, by="token:shop")
    assert again.card == taken.card
    for one in (card, taken.card):
        letter = await department.letter(one)
        assert (letter.key, letter.state, letter.manager) == ("thanks", "waiting", "anna")
    blocked = replace(setup, block=(Block("+79161234561"),))
    spam = Lead("shop", phone="+79161234561", email="spam@example.com")
    taken = await department.write(take_lead, spam, blocked, by="token:shop")
    assert await department.letters(taken.card) == []
