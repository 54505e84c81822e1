"""Connections to PBXs on their pages: fields, secrets that go in and never come out, removal."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape, unescape
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, select
from structlog.testing import capture_logs

from callrouter.accounts import open_secret
from callrouter.domain.setup import Account, Setup
from callrouter.flows.apply import export
from callrouter.flows.tuning import new_draft
from callrouter.flows.visits import enter, new_link
from callrouter.setup_file import differences
from storage import setups, tables
from storage.database import Database
from tests.api.rows import LINE, NOON, SETUP
from tests.pages.conftest import Seen, Site
from tests.pages.markup import Markup
from tests.pages.test_connect import hear, refuse

OWN = {"Sec-Fetch-Site": "same-origin"}
OLD = "the-old-secret-of-main"
TYPED = "Pl4in-and-typed-by-hand"
ACCOUNTS = "/setup/accounts"

FORM = {
    "key": "second",
    "provider": "pbx",
    "default_line": LINE,
    "api_key": "",
    "dial_inside": "PJSIP/{dial}",
    "dial_outside": "{dial}",
    "only": "",
    "allowed_prefixes": "",
    "ring_slack_s": "10",
    "max_talk_s": "3600",
    "recording_hosts": "",
    "call_url": "",
    "time_zone": "",
    "base_url": "",
    "networks": "",
}


@pytest.fixture(autouse=True)
async def _in_force(site: Site) -> None:
    """What the pages change stands in the base: an account whose only secret is sealed there."""
    main = Account("main", default_line=LINE, secret=site.service.seal.close(OLD))
    boris = replace(SETUP.managers["boris"], role="admin")
    people = tuple(boris if one.key == "boris" else one for one in SETUP.manager)
    await put(site, replace(SETUP, account=(main,), manager=people))


async def put(site: Site, setup: Setup) -> None:
    site.setups.current = await site.service.database.write(
        setups.publish, setup, by="apply", now=NOON
    )


async def now(site: Site) -> Setup:
    """What is in force; the server has taken it up."""
    site.setups.current = await site.service.database.read(
        lambda conn: setups.load(conn, setups.current_version(conn))
    )
    return site.setups.current


def clear(site: Site, setup: Setup, key: str) -> list[str | None]:
    """An account's secrets as its provider gets them."""
    environ = {"PBX_SECRET": "from-the-environment"}
    return [
        open_secret(one, key, site.service.seal, environ) for one in setup.accounts[key].secrets
    ]


async def post(site: Site, path: str, **said: Any) -> Seen:
    return await site.ask("POST", f"{ACCOUNTS}{path}", data=said, headers=OWN)


async def seen(site: Site, path: str = "/main") -> str:
    """The version that a form of the page would send."""
    page = await site.get(f"{ACCOUNTS}{path}")
    found = re.search(r'name="seen" value="(\d+)"', page.text)
    assert found, page.text
    return found[1]


def text_of(page: Seen) -> str:
    return " ".join(" ".join(Markup(page.text).texts).split())


def everything(conn: Connection) -> str:
    """All that the base holds."""
    return "\n".join(
        str(tuple(row))
        for table in tables.metadata.tables.values()
        for row in conn.execute(select(table))
    )


async def test_a_secret_goes_in_and_never_comes_out(site: Site, sqlite_database: Database) -> None:
    """Through every page, form, error, version, draft, file and log line."""
    pages: list[Seen] = []

    async def look() -> None:
        here = ("/setup", ACCOUNTS, f"{ACCOUNTS}/main", f"{ACCOUNTS}/second", "/connect/main")
        pages.extend([await site.get(path) for path in here])

    with capture_logs() as lines:
        wrong = {**FORM, "how": "literal", "literal": TYPED, "ring_slack_s": "600"}
        pages.append(refused := await post(site, "/new", **wrong))
        assert refused.status == 422
        assert 'value="600"' in refused.text  # what was typed is kept, but for the secret
        assert "Впишите секрет ещё раз" in text_of(refused)
        pages.append(await post(site, "/new", **{**wrong, "literal": TYPED[:8]}))
        pages.append(
            taken := await post(
                site, "/new", **{**FORM, **wrong, "key": "main", "ring_slack_s": "1"}
            )
        )
        assert taken.status == 422

        pages.append(done := await post(site, "/new", **{**wrong, "ring_slack_s": "10"}))
        assert (done.status, done.headers["Location"]) == (303, "/connect/second")
        pages.append(guide := await site.get("/connect/second"))  # before the server knows of it
        assert guide.status == 200
        assert clear(site, await now(site), "second") == [TYPED]
        await look()

        same = await post(
            site, "/second/secret", how="literal", literal=TYPED, seen=await seen(site)
        )
        pages.append(same)
        assert (same.status, "уже есть" in text_of(same)) == (422, True)

        made = await post(site, "/main/secret", how="made", seen=await seen(site))
        assert made.status == 200
        (shown,) = set(re.findall(r"<code>([\w-]{43})</code>", made.text))
        assert "no-store" in made.headers["Cache-Control"]
        assert clear(site, await now(site), "main") == [OLD, shown]  # both are valid
        await look()
        assert "действуют два" in text_of(pages[-4])

        pages.append(await post(site, "/main/secret/drop", place="0", seen=await seen(site)))
        assert clear(site, await now(site), "main") == [shown]
        await look()
        draft = await sqlite_database.write(new_draft, "later", by="manager:boris", now=NOON)
        where = f"/second/secret?draft={draft}"
        pages.append(
            await post(site, where, how="literal", literal=f"{TYPED}-2", at_once="yes", seen="1")
        )
        pages.append(await site.get(f"{ACCOUNTS}/second?draft={draft}"))
        pages.append(await site.get(f"/setup/drafts/{draft}"))

    assert clear(site, await now(site), "second") == [TYPED]  # the draft is not in force
    all_versions = [
        await sqlite_database.read(setups.load, n)
        for n in range(1, site.setups.current.version + 1)
    ]
    said = [difference for a, b in pairwise(all_versions) for difference in differences(a, b)]
    assert "~ account main: secret changed" in said
    looked_at = [
        *(page.text for page in pages),
        *(str(dict(page.headers)) for page in pages),
        await sqlite_database.read(everything),
        await sqlite_database.read(export),
        *said,
        *map(str, lines),
        *map(repr, all_versions),
    ]
    assert len(pages) > 20
    for secret in (OLD, TYPED, shown):
        assert not [text for text in looked_at if secret in text or secret[:-2] in text]
    assert all("sealed:" not in page.text for page in pages)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("key", "with space", "От 1 до 64 знаков"),
        ("key", "new", "Так называется другое подключение"),
        ("key", "main", "Так называется другое подключение"),
        ("provider", "parrot", "Одно из перечисленных"),
        ("default_line", "+70000000000", "Один из номеров компании"),
        ("api_key", "two words", "без пробелов"),
        ("dial_inside", "PJSIP/101", "{dial} один раз"),
        ("dial_outside", "{dial}&x", "{dial} один раз"),
        ("allowed_prefixes", "8 +7", "Каждое — плюс и цифры"),
        ("ring_slack_s", "61", "от 0 до 60"),
        ("max_talk_s", "often", "от 60 до 86400"),
        ("recording_hosts", "https://pbx.example.com", "Узлы, каждый вида"),
        ("call_url", "https://pbx.example.com/call", "среди узлов с записями"),
        ("time_zone", "Moscow", "Europe/Moscow"),
        ("base_url", "ftp://x", "без имени и пароля"),
        ("networks", "10.0.0.300/8", "Сети, каждая вида"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    site: Site, name: str, value: str, says: str
) -> None:
    typed = {**FORM, "how": "made", "only": "yes", "allowed_prefixes": "+7", name: value}
    before = await now(site)
    page = await post(site, "/new", **typed)
    assert page.status == 422
    found = re.search(rf'id="{name}-wrong"[^>]*>([^<]*)', page.text)
    assert found, text_of(page)
    assert says in found[1]
    if name != "provider":
        assert escape(value) in page.text
    assert "PJSIP/{dial}" in page.text or name == "dial_inside"
    assert (await now(site)).version == before.version


@pytest.mark.parametrize(
    ("how", "said", "says"),
    [
        ("literal", "", "Ничего не указано"),
        ("literal", "short", "не меньше 12"),
        ("literal", "x" * 257, "не больше 256"),
        ("literal", "пароль-по-русски", "без пробелов"),
        ("literal", "env:PBX_SECRET", "ссылка на секрет"),
        ("literal", "sealed:gAAAAAB", "ссылка на секрет"),
        ("variable", "PBX SECRET", "Имя переменной"),
        ("variable", "CALLROUTER_SECRET_KEY", "самого сервера"),
        ("variable", "env:AWS_SECRET_ACCESS_KEY", "самого сервера"),
        ("", "", "Ничего не указано"),
    ],
)
async def test_what_cannot_be_a_secret(site: Site, how: str, said: str, says: str) -> None:
    page = await post(site, "/main/secret", how=how, **{how or "x": said}, seen=await seen(site))
    assert page.status == 422
    assert says in text_of(page)
    assert not said or said not in page.text or said == "short"
    assert clear(site, await now(site), "main") == [OLD]


async def test_a_variable_that_is_new_to_the_setup_begins_as_ours_do(site: Site) -> None:
    how = {"how": "variable", "at_once": "yes"}
    page = await post(site, "/main/secret", variable="STRIPE_KEY", seen=await seen(site), **how)
    assert page.status == 422
    assert "Переменной STRIPE_KEY в настройке ещё не было" in text_of(page)
    assert "начинается на PBX_, WEBHOOK_, MAIL_" in text_of(page)
    assert clear(site, await now(site), "main") == [OLD]
    done = await post(site, "/main/secret", variable="PBX_NEXT", seen=await seen(site), **how)
    assert done.status == 303


async def test_a_variable_is_named_and_whether_the_server_has_it(site: Site) -> None:
    at = await seen(site)
    done = await post(
        site, "/main/secret", how="variable", variable="PBX_SECRET", at_once="yes", seen=at
    )
    assert done.status == 303
    setup = await now(site)
    assert setup.accounts["main"].secret == "env:PBX_SECRET"
    page = await site.get(f"{ACCOUNTS}/main?done=instead")
    assert "Теперь действует только новый секрет" in text_of(page)
    assert "из переменной PBX_SECRET на сервере её нет" in text_of(page)
    assert "переменной PBX_SECRET на сервере нет" in text_of(await site.get(ACCOUNTS))
    object.__setattr__(site.service.settings, "environ", {"PBX_SECRET": "from-the-environment"})
    page = await site.get(f"{ACCOUNTS}/main")
    assert "из переменной PBX_SECRET на сервере она есть" in text_of(page)
    assert "from-the-environment" not in page.text


async def test_a_stale_or_second_click_changes_nothing(site: Site) -> None:
    at = await seen(site)
    assert (await post(site, "/main/secret", how="made", seen=at)).status == 200
    again = await post(site, "/main/secret", how="made", seen=at)
    assert again.status == 409
    assert "тем временем изменили" in text_of(again)
    both = clear(site, await now(site), "main")
    assert len(both) == 2
    third = await post(site, "/main/secret", how="made", seen=await seen(site))  # not at once
    assert third.status == 409
    stale = await post(site, "/main/secret", how="made", at_once="yes", seen=at)
    assert stale.status == 409
    assert clear(site, await now(site), "main") == both
    odd = await post(site, "/main/secret", how="made", at_once="yes", seen="²")
    assert odd.status == 409
    drop = {"place": "0", "seen": await seen(site)}
    assert (await post(site, "/main/secret/drop", **drop)).status == 303
    assert (await post(site, "/main/secret/drop", **drop)).status == 409
    assert clear(site, await now(site), "main") == both[1:]
    late = await post(site, "/main", **{**FORM, "dial_inside": "SIP/{dial}", "seen": at})
    assert (late.status, "SIP/{dial}" in late.text) == (409, True)


async def test_of_two_who_change_an_account_the_second_undoes_nothing_unseen(site: Site) -> None:
    page = await site.get(f"{ACCOUNTS}/main")
    opened = unescape(re.findall(r'name="opened" value="([^"]*)"', page.text)[0])
    at = await seen(site)
    mine = {**FORM, "dial_inside": "{dial}", "seen": at, "opened": opened}
    first = {**mine, "max_talk_s": "600", "time_zone": "Asia/Tbilisi"}
    assert (await post(site, "/main", **first)).status == 303
    late = await post(site, "/main", **{**mine, "dial_inside": "SIP/{dial}", "max_talk_s": "900"})
    assert late.status == 409
    assert "Сейчас стоит: 600" in text_of(late)
    for stands in ('value="SIP/{dial}"', 'value="900"', 'value="Asia/Tbilisi"'):
        assert stands in late.text
    # What is wrong in a field hides nothing of it either.
    wrong = await post(site, "/main", **{**mine, "ring_slack_s": "x"})
    assert (wrong.status, 'value="Asia/Tbilisi"' in wrong.text) == (422, True)


async def test_fields_are_changed_and_the_secret_stays(site: Site) -> None:
    said = {
        **FORM,
        "key": "other",  # no form can change it
        "only": "yes",
        "allowed_prefixes": "+7 +375",
        "recording_hosts": "pbx.example.com\r\npbx2.example.com:8443",
        "call_url": "https://pbx.example.com/call",
        "time_zone": "Asia/Tbilisi",
        "allow_private": "yes",
        "max_talk_s": "600",
        "again": OLD,
    }
    done = await post(site, "/main", **said, seen=await seen(site))
    assert (done.status, done.headers["Location"]) == (303, f"{ACCOUNTS}/main?done=saved")
    setup = await now(site)
    assert setup.account == (
        Account(
            "main",
            default_line=LINE,
            secret=setup.accounts["main"].secret,
            dial_inside="PJSIP/{dial}",
            allowed_prefixes=("+7", "+375"),
            recording_hosts=("pbx.example.com", "pbx2.example.com:8443"),
            call_url="https://pbx.example.com/call",
            time_zone="Asia/Tbilisi",
            allow_private=True,
            max_talk_s=600,
        ),
    )
    assert clear(site, setup, "main") == [OLD]
    page = await site.get(done.headers["Location"])
    for typed in ("+7 +375", "pbx2.example.com:8443", "Asia/Tbilisi", 'value="600"', "Сохранено."):
        assert typed in page.text
    none = await post(site, "/main", **{**said, "allowed_prefixes": ""}, seen=await seen(site))
    assert none.status == 422  # its line's last resort could not be dialled any more
    assert f"line[{LINE}].last_resort" in text_of(none)
    assert "Не сходится с остальными настройками" in text_of(none)
    usual = await post(site, "/main", **{**said, "only": ""}, seen=await seen(site))
    assert usual.status == 303
    assert (await now(site)).accounts["main"].allowed_prefixes == ("+7",)


@pytest.mark.parametrize("where", ["at once", "on a draft"])
async def test_no_other_host_gets_a_secret_that_was_not_typed_for_it(
    site: Site, where: str
) -> None:
    draft = id_ = ""
    if on_draft := where == "on a draft":
        id_ = await site.service.database.write(new_draft, "Обзвон", by="user:01J", now=NOON)
        draft = f"?draft={id_}"
    said = {
        **FORM,
        "recording_hosts": "pbx.evil.example",
        "call_url": "https://pbx.evil.example/call",
    }
    refused = await post(site, f"/main{draft}", **said, seen=await seen(site, f"/main{draft}"))
    assert refused.status == 422
    assert "https://pbx.evil.example — другой узел" in text_of(refused)
    assert 'name="again"' in refused.text
    short = await post(
        site, f"/main{draft}", **said, again="short", seen=await seen(site, f"/main{draft}")
    )
    assert (short.status, "не меньше 12" in text_of(short)) == (422, True)
    typed = await post(
        site, f"/main{draft}", **said, again=OLD, seen=await seen(site, f"/main{draft}")
    )
    assert typed.status == 303, text_of(typed)
    if on_draft:
        done = await site.ask("POST", f"/setup/drafts/{id_}/publish", data={}, headers=OWN)
        assert done.status == 303, text_of(done)
    setup = await now(site)
    assert setup.accounts["main"].call_url == "https://pbx.evil.example/call"
    assert clear(site, setup, "main") == [OLD]
    # Another path on the host that has it is no news.
    said["call_url"] = "https://pbx.evil.example/other"
    assert (await post(site, "/main", **said, seen=await seen(site))).status == 303


async def test_only_an_account_that_nothing_needs_is_removed(site: Site) -> None:
    await post(site, "/new", **FORM, how="made")
    setup = await now(site)
    dials: dict[str, str | tuple[str, ...]] = {"second": "101"}
    people = tuple(replace(one, dial=dials) if one.key == "anna" else one for one in setup.manager)
    await put(site, replace(setup, manager=people))
    for key, needs in (
        ("main", "Звонки на +7 495 123-00-01"),
        ("second", "Анна Смирнова: для него"),
    ):
        page = await site.get(f"{ACCOUNTS}/{key}")
        assert f'action="{ACCOUNTS}/{key}/remove"' not in page.text
        refused = await post(site, f"/{key}/remove", seen=await seen(site))
        assert refused.status == 409
        assert needs[:20].replace(" ", "") in text_of(refused).replace(" ", "").replace(
            "\u00a0", ""
        )
    await put(site, replace(await now(site), manager=setup.manager))
    gone = await post(site, "/second/remove", seen=await seen(site))
    assert gone.status == 303
    assert "Подключение second убрано" in text_of(await site.get(gone.headers["Location"]))
    assert list((await now(site)).accounts) == ["main"]
    assert (await site.get(f"{ACCOUNTS}/second")).status == 404
    assert (await post(site, "/second/remove", seen="1")).status == 404


async def test_when_hooks_came_and_were_refused_and_the_ways_there(site: Site) -> None:
    await site.service.database.write(hear, "ended", 5)
    await site.service.database.write(hear, "unknown", 20, word="callrouter_test")
    await site.service.database.write(lambda conn: refuse(conn, "bad_bearer", 30))
    for path in (ACCOUNTS, f"{ACCOUNTS}/main"):
        page = await site.get(path)
        assert "12:05" in text_of(page)
        assert "12:30" in text_of(page)
        assert "12:20" not in text_of(page)  # our own test
        assert 'href="/connect/main"' in page.text
    assert f'href="{ACCOUNTS}/main"' in (await site.get("/connect/main")).text


async def test_who_may_only_look_sees_no_form(site: Site) -> None:
    link = await site.service.database.write(new_link, now=NOON, role="head")
    cookie = await site.service.database.write(enter, link, now=NOON)
    site.cookie = f"{site.cookie.split('=')[0]}={cookie}"
    page = await site.get(f"{ACCOUNTS}/main")
    assert page.status == 200
    assert "задан и зашифрован" in text_of(page)
    assert '<fieldset class="plain" disabled>' in page.text
    for what in ("Сменить секрет", "Убрать подключение", "Сохранить"):
        assert what not in text_of(page)
    assert (await site.get(f"{ACCOUNTS}/new")).status == 403
    assert (await post(site, "/main/secret", how="made")).status == 403
    assert clear(site, await now(site), "main") == [OLD]
