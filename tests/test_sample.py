"""The demo's company: right as a setup, alive at any hour, and nobody's real number."""

from datetime import UTC, date, datetime, timedelta

import pytest

from callrouter.domain.decisions import Can, Connect, Message
from callrouter.domain.phones import read_caller, read_number
from callrouter.domain.routing import Arrival, CallerFacts, Facts, decide
from callrouter.domain.setup import Setup
from callrouter.sample import BLOCKED, SERVICE, SHOP, SITE, sample_contacts, sample_setup
from callrouter.setup_file import check, merge, read_file, read_setup, warnings, write_setup

SETUP = sample_setup("a secret of {}".format)
MONDAY = datetime(2026, 6, 1, 0, 30, tzinfo=UTC)
FREE = ("+7943", "+7495000", "+7343000", "+7800000")  # given to nobody


def ring(setup: Setup, line: str, now: datetime, *tags: str) -> Connect | Message:
    caller = read_caller("+79430000099", "RU")
    found = setup.lines[line]
    call = Arrival("c1", found.account or "", caller, found)
    facts = Facts(setup, {}, CallerFacts(contact="x", tags=frozenset(tags)), known=bool(tags))
    decision = decide(call, facts, Can(), now=now).decision
    assert isinstance(decision, Connect | Message)
    return decision


def test_the_sample_has_no_problem() -> None:
    assert check(SETUP) == ()


def test_only_its_secrets_are_warned_of() -> None:
    assert {problem.key for problem in warnings(SETUP)} == {
        "account[main].secret",
        "account[bare].secret",
    }


def test_it_is_what_was_promised() -> None:
    sizes = (len(SETUP.office), len(SETUP.team), len(SETUP.manager), len(SETUP.line))
    assert sizes == (2, 3, 8, 3)
    assert SETUP.accounts["main"].secret == "a secret of main"
    assert SETUP.accounts["bare"].secret == "a secret of bare"


def test_its_export_changes_nothing() -> None:
    assert merge(SETUP, read_file(write_setup(SETUP))) == SETUP


def test_its_export_is_a_file_by_itself_but_for_the_secrets() -> None:
    text = write_setup(SETUP).replace('"kept"', '"env:PBX_SECRET"')
    assert check(read_setup(text)) == ()


@pytest.mark.parametrize("line", [SITE, SHOP])
def test_somebody_is_rung_at_any_hour(line: str) -> None:
    for hour in range(7 * 24):
        decision = ring(SETUP, line, MONDAY + timedelta(hours=hour))
        assert isinstance(decision, Connect)
        assert decision.steps


def test_the_service_speaks_at_night() -> None:
    assert isinstance(ring(SETUP, SERVICE, MONDAY.replace(hour=20)), Message)
    assert isinstance(ring(SETUP, SERVICE, MONDAY.replace(hour=9)), Connect)


@pytest.mark.parametrize("line", [SITE, SHOP, SERVICE])
def test_a_vip_reaches_the_head_on_every_line(line: str) -> None:
    decision = ring(SETUP, line, MONDAY, "vip")
    assert isinstance(decision, Connect)
    assert decision.steps[0].managers == ("vera",)


def test_somebody_is_on_leave_today() -> None:
    today = date(2026, 6, 1)
    (leave,) = sample_setup("a secret of {}".format, today=today).absence
    assert leave.from_ <= today <= leave.to


def test_somebody_began_yesterday() -> None:
    setup = sample_setup("a secret of {}".format, today=date(2026, 6, 1))
    beginners = {one.key: one.started_on for one in setup.manager if one.started_on}
    assert beginners == {"egor": date(2026, 5, 31)}


def test_who_calls_sales_waits_when_all_talk() -> None:
    waits = {ladder.key for ladder in SETUP.ladder for step in ladder.step if step.busy == "wait"}
    assert waits == {"sales", "shop"}


def test_one_number_is_blocked() -> None:
    assert [block.number for block in SETUP.block] == [BLOCKED]


def test_no_number_is_anybodys() -> None:
    numbers = [
        *(name for line in SETUP.line for name in (line.number, line.last_resort)),
        *(number for number in SETUP.own_phones),
        BLOCKED,
        *(phone for contact in sample_contacts() for phone in contact.phones),
    ]
    assert len(numbers) > 20
    assert [number for number in numbers if not number.startswith(FREE)] == []


def test_contacts_are_people_of_this_company() -> None:
    contacts = sample_contacts()
    phones = [phone for contact in contacts for phone in contact.phones]
    assert len(contacts) == 12
    assert [contact.name for contact in contacts if "vip" in contact.tags] == ["Мария Кузнецова"]
    assert {one.responsible for one in contacts} <= {None, *SETUP.managers}
    assert len(set(phones)) == len(phones)
    assert [read_number(phone, "RU") for phone in phones] == phones
