"""Mailboxes in a setup: what may stand there, and a password that nobody sees again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from callrouter.domain.setup import Letters, Setup, Smtp
from callrouter.flows.apply import apply, export
from callrouter.mailboxes import NoMailbox, own_mailbox
from callrouter.seal import Seal
from callrouter.settings import Settings
from callrouter.setup_file import BadSetup, check, differences, merge, read_file, write_setup
from storage import setups
from storage.database import Database
from tests.examples import SETUP

SEAL = Seal("the-key-of-these-tests")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANNA = SETUP.manager[0]


def with_box(url: str, password: str = "", email: str | None = None) -> Setup:
    anna = replace(ANNA, smtp=Smtp(url, password), email=email)
    return replace(SETUP, manager=(anna, *SETUP.manager[1:]))


def password_of(setup: Setup) -> str:
    box = setup.managers["anna"].smtp
    assert box
    return box.password


FILE = """\
[company]
name = "Ромашка"
duty = "anna"
[[account]]
key = "main"
secret = "env:PBX_SECRET"
default_line = "+74951230001"
[[manager]]
key = "anna"
name = "Анна Смирнова"
dial = "101"
smtp = { url = "smtp://anna%40romashka.ru@smtp.example", password = "PASSWORD" }
[[line]]
number = "+74951230001"
account = "main"
last_resort = "+74950000000"
"""


@pytest.mark.parametrize(
    ("url", "password", "email"),
    [
        ("smtps://anna%40romashka.ru@smtp.example", "a literal", None),
        ("smtp://anna@smtp.example:587", "env:ANNA", "anna@romashka.ru"),
        ("smtp://relay.example", "", "anna@romashka.ru"),
    ],
)
def test_mailboxes_that_may_stand_there(url: str, password: str, email: str | None) -> None:
    assert check(with_box(url, password, email)) == ()


@pytest.mark.parametrize(
    ("url", "password", "says"),
    [
        ("smtp.example", "pw", "smtp.url: allowed are smtp://"),
        ("smtp://a%40b.ru:pw@smtp.example", "", "smtp.url: has a password in it"),
        ("smtp://smtp.example", "pw", "smtp.url: names no user"),
        ("smtp://anna@smtp.example", "pw", "smtp.url: has a user that is no address"),
    ],
)
def test_mailboxes_that_may_not(url: str, password: str, says: str) -> None:
    assert says in "\n".join(map(str, check(with_box(url, password))))


@pytest.mark.parametrize("sender", ["Ромашка <a@b.ru>", "a@b.ru, c@d.ru", "a@b.ru\r\nBcc: c@d.ru"])
def test_letters_come_from_one_address(sender: str) -> None:
    problems = check(replace(SETUP, letters=Letters(sender=sender)))
    assert [one.key for one in problems] == ["letters.sender"]


@pytest.mark.parametrize(
    ("stored", "written"), [("sealed:gAAAA", "kept"), ("literal", "kept"), ("env:A", "env:A")]
)
def test_an_export_shows_no_password(stored: str, written: str) -> None:
    text = write_setup(with_box("smtp://a%40b.ru@smtp.example", stored))
    assert f'password = "{written}"' in text
    assert "gAAAA" not in text
    assert "literal" not in text


def test_a_difference_shows_no_password() -> None:
    old, new = (with_box("smtp://a%40b.ru@smtp.example", one) for one in ("first1", "second2"))
    assert differences(old, new) == ("~ manager anna: smtp changed",)


def test_kept_is_the_password_of_the_base() -> None:
    base = with_box("smtp://a%40b.ru@old.example", "sealed:gAAAA")
    merged = merge(base, read_file(FILE.replace("PASSWORD", "kept")))
    assert password_of(merged) == "sealed:gAAAA"
    with pytest.raises(BadSetup, match=r"manager\[anna\].smtp.password: is \"kept\", but there is"):
        merge(SETUP, read_file(FILE.replace("PASSWORD", "kept")))


def test_one_out_of_a_base_is_refused() -> None:
    with pytest.raises(BadSetup, match="looks like one out of the base"):
        read_file(FILE.replace("PASSWORD", "sealed:gAAAA"))


async def test_a_password_is_sealed_in_the_base_and_an_export_changes_nothing(
    sqlite_database: Database,
) -> None:
    async def put(text: str) -> tuple[str, ...]:
        found = await sqlite_database.write(apply, text, seal=SEAL, now=NOW)
        return found.changes

    async def stored() -> Setup:
        version = await sqlite_database.read(setups.current_version)
        return await sqlite_database.read(setups.load, version)

    assert await put(FILE.replace("PASSWORD", "p4ssword"))
    first = password_of(await stored())
    assert first.startswith("sealed:")
    assert SEAL.open(first) == "p4ssword"
    assert await put(FILE.replace("PASSWORD", "p4ssword")) == ()
    exported = await sqlite_database.read(export)
    assert "p4ssword" not in exported
    assert await put(exported) == ()
    assert password_of(await stored()) == first
    assert await put(FILE.replace("PASSWORD", "another")) == ("~ manager anna: smtp changed",)
    assert SEAL.open(password_of(await stored())) == "another"


@pytest.mark.parametrize(
    ("password", "environ", "expected"),
    [
        pytest.param(SEAL.close("pw"), {}, "pw", id="sealed"),  # it is never the same twice
        ("env:ANNA", {"ANNA": "pw"}, "pw"),
        ("env:ANNA", {}, None),
        ("sealed:gAAAA", {}, None),
    ],
)
def test_a_password_is_opened_where_it_can_be(
    password: str, environ: dict[str, str], expected: str | None
) -> None:
    anna: Any = replace(ANNA, smtp=Smtp("smtp://a%40b.ru@smtp.example", password))
    settings = Settings(environ=environ)
    if expected is None:
        with pytest.raises(NoMailbox, match=r"smtp.password cannot be had"):
            own_mailbox(anna, settings, SEAL)
    else:
        found = own_mailbox(anna, settings, SEAL)
        assert (found.password, found.sender, found.tls) == (expected, "a@b.ru", "required")
