"""Accounts: on either base, with nothing but the flows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callrouter.flows import users as flow
from callrouter.flows.users import BadUser, Try, Wait, Whence
from callrouter.flows.visits import end_others, find_visit, is_due, keep_up, new_link, open_visit
from storage import users, visits
from storage.database import Database
from tests.api.rows import NOON, SETUP

HOME, ABROAD = Whence("10.0.0.1", "Firefox"), Whence("203.0.113.9")
EMAIL = "anna@example.com"


async def add(database: Database, email: str = EMAIL, manager: str | None = "anna") -> str:
    """Somebody who has chosen a password; gives his id."""
    user, token = await database.write(
        flow.add_user, "Рита", email, "admin", manager, SETUP, by="page:admin", now=NOON
    )
    assert await database.write(flow.accept, token, "a hash", HOME, now=NOON)
    return user.id


async def test_an_invitation_opens_once_however_many_take_it_at_once(database: Database) -> None:
    _, token = await database.write(
        flow.add_user, "", EMAIL, "", "anna", SETUP, by="page:admin", now=NOON
    )
    taken = await asyncio.gather(
        *(database.write(flow.accept, token, f"hash {n}", HOME, now=NOON) for n in range(5))
    )
    (won,) = [one for one in taken if one is not None]
    user, cookie = won
    assert cookie
    visit = await database.read(find_visit, cookie, now=NOON)
    assert visit
    assert (visit.user, visit.manager, visit.role, visit.name) == (
        user.id,
        "anna",
        "manager",
        "Анна Смирнова",
    )


async def test_tries_grow_and_are_forgotten_after_a_day_or_by_a_good_one(
    database: Database,
) -> None:
    id_ = await add(database)
    now = NOON + timedelta(hours=1)
    begin = [await database.write(flow.begin_try, EMAIL, ABROAD, now=now) for _ in range(7)]
    assert [isinstance(one, Try) for one in begin] == [True] * 5 + [False] * 2
    assert begin[-1] == Wait(1)
    assert isinstance(await database.write(flow.begin_try, EMAIL, HOME, now=now), Try)  # known
    assert await database.write(flow.sign_in, id_, "password", ABROAD, now=now)
    assert isinstance(await database.write(flow.begin_try, EMAIL, ABROAD, now=now), Try)
    for n in range(5):
        other = f"n{n}@example.com"
        assert isinstance(await database.write(flow.begin_try, other, ABROAD, now=now), Try)
    later = now + timedelta(hours=24, seconds=1)
    begin = [await database.write(flow.begin_try, "x@y.z", ABROAD, now=later) for _ in range(5)]
    assert all(isinstance(one, Try) for one in begin)


async def test_an_address_that_tries_many_accounts_waits_too(database: Database) -> None:
    tried = [
        await database.write(flow.begin_try, f"n{n}@example.com", ABROAD, now=NOON)
        for n in range(25)
    ]
    assert [isinstance(one, Try) for one in tried] == [True] * 20 + [False] * 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
        ("a socket", "a socket"),
    ],
)
def test_what_is_counted_as_one_address(address: str | None, network: str) -> None:
    assert flow.network_of(address) == network


async def test_a_right_password_is_no_failed_try_and_clears_none(database: Database) -> None:
    await add(database)
    for _ in range(4):
        await database.write(flow.begin_try, EMAIL, ABROAD, now=NOON)
    for _ in range(3):
        assert isinstance(await database.write(flow.begin_try, EMAIL, ABROAD, now=NOON), Try)
        await database.write(flow.password_was_right, EMAIL, ABROAD, now=NOON)
    assert isinstance(await database.write(flow.begin_try, EMAIL, ABROAD, now=NOON), Try)
    assert isinstance(await database.write(flow.begin_try, EMAIL, ABROAD, now=NOON), Wait)


async def test_a_step_and_a_recovery_code_are_good_once(database: Database) -> None:
    id_ = await add(database)
    await database.write(flow.begin_totp, id_, "sealed:x")
    given: dict[str, Any] = {"by": "manager:anna", "now": NOON, "whence": HOME}
    codes = await database.write(flow.turn_totp_on, id_, 100, **given)
    with pytest.raises(BadUser):
        await database.write(flow.begin_totp, id_, "sealed:y")
    tried = [await database.write(flow.use_code, id_, "", step) for step in (100, 101, 101, 100)]
    assert tried == [False, True, False, False]
    for text, fine in ((codes[3], True), (codes[3], False), (codes[4].lower(), True), ("", False)):
        assert await database.write(flow.use_code, id_, text, None) is fine
    user = await database.read(users.find, id_)
    assert user
    assert len(user.recovery) == 8


async def test_the_last_admin_cannot_be_taken_away(database: Database) -> None:
    given: dict[str, Any] = {"by": "page:admin", "now": NOON}
    first = await add(database, "one@example.com", None)
    await add(database)  # a manager, no admin
    with pytest.raises(BadUser, match="last_admin"):
        await database.write(flow.lock, first, SETUP, **given)
    with pytest.raises(BadUser, match="last_admin"):
        await database.write(flow.give_role, first, "head", SETUP, **given)
    heads = tuple(replace(one, role="admin") for one in SETUP.manager)
    with_admins = replace(SETUP, manager=heads)
    await database.write(flow.lock, first, with_admins, **given)
    assert not await database.read(flow.has_admin, SETUP)
    await database.write(flow.unlock, first, **given)
    assert await database.read(flow.has_admin, SETUP)


async def test_one_becomes_the_first_admin_however_many_try_at_once(database: Database) -> None:
    given: dict[str, Any] = {"by": "page:admin", "now": NOON}

    async def make(n: int) -> str | None:
        form = ("Рита", f"r{n}@example.com", None, "a hash", SETUP, HOME)
        try:
            return await database.write(flow.make_admin, *form, **given)
        except BadUser:
            return None

    made = await asyncio.gather(*(make(n) for n in range(4)))
    assert len([one for one in made if one]) == 1


async def test_locking_out_ends_every_way_in(database: Database) -> None:
    id_ = await add(database)
    given: dict[str, Any] = {"by": "page:admin", "now": NOON}
    _, link = await database.write(flow.new_password_link, id_, **given)
    cookie = await database.write(flow.sign_in, id_, "password", HOME, now=NOON)
    assert cookie
    await database.write(flow.lock, id_, SETUP, **given)
    assert await database.read(find_visit, cookie, now=NOON) is None
    assert await database.read(flow.find_invited, link, now=NOON) is None
    assert await database.write(flow.accept, link, "a hash", HOME, now=NOON) is None
    assert await database.write(flow.sign_in, id_, "password", HOME, now=NOON) is None
    found = await database.write(flow.begin_try, EMAIL, HOME, now=NOON)
    assert found == Try(None)


async def test_visits_are_kept_up_listed_and_ended(database: Database) -> None:
    id_ = await add(database)
    cookies = [
        await database.write(open_visit, "manager", now=NOON, user=id_, address="10.0.0.1")
        for _ in range(3)
    ]
    first = await database.read(find_visit, cookies[0], now=NOON)
    assert first
    assert not is_due(first, NOON + timedelta(seconds=59))
    later = NOON + timedelta(minutes=1)
    assert is_due(first, later)
    await database.write(keep_up, first, now=later)
    listed = await database.read(visits.of_user, id_, now=later)
    assert listed[0].id == first.id
    assert (await database.read(visits.last_seen))[id_] == later
    given: dict[str, Any] = {"by": "manager:anna", "now": later, "address": None}
    assert await database.write(end_others, id_, first.id, **given) == 3  # and the invitation's
    assert [one.id for one in await database.read(visits.of_user, id_, now=later)] == [first.id]


async def test_what_somebody_chose_is_kept_by_name(database: Database) -> None:
    id_ = await add(database)
    assert await database.read(users.prefs, id_) == {}
    await database.write(users.put_pref, id_, "pop_at", "answer")
    await database.write(users.put_pref, id_, "language", "en")
    await database.write(users.put_pref, id_, "pop_at", None)
    assert await database.read(users.prefs, id_) == {"language": "en"}
    assert await database.read(users.names) == {id_: "Анна Смирнова"}


async def test_a_link_may_let_in_a_manager_by_his_key(database: Database) -> None:
    from callrouter.flows.visits import enter

    link = await database.write(new_link, now=NOON, role="manager", manager="vera")
    cookie = await database.write(enter, link, now=NOON)
    assert cookie
    visit = await database.read(find_visit, cookie, now=NOON)
    assert visit
    assert (visit.manager, visit.user) == ("vera", None)
