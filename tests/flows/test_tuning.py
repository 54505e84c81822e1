"""The setup changed on a screen: at once or on a draft, checked, in versions, and back again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from callrouter.flows import tuning
from callrouter.flows import users as people
from callrouter.flows.apply import ChangedOnScreen, apply, changed_on_screen, export
from callrouter.flows.tuning import (
    BadDraft,
    Conflict,
    Edited,
    NoSuchDraft,
    NoSuchVersion,
    Stale,
)
from callrouter.flows.users import Whence
from callrouter.seal import SEALED, Seal
from callrouter.setup_file import BadSetup, merge, read_file
from callrouter.setup_file.editing import (
    drop_item,
    find_item,
    move_item,
    put_item,
    put_table,
    written_of,
)
from storage import audit, drafts, setups
from storage.database import Database
from tests.api.rows import NOON
from tests.setup_file.good import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable

    from callrouter.domain.setup import Setup

BY = "user:01J"
SEAL = Seal("a key of tests")
LITERAL = GOOD.replace('"env:PBX_SECRET"', '"first secret"')
LADA = {"key": "lada", "name": "Лада"}


@pytest.fixture
async def base(database: Database) -> Database:
    """Where a file was applied, as version 1."""
    await database.write(apply, LITERAL, seal=SEAL, now=NOON)
    return database


async def edit(base: Database, change: Callable[[Setup], Setup], **more: Any) -> Edited:
    return await base.write(tuning.edit, change, seal=SEAL, by=BY, now=NOON, **more)


async def current(base: Database) -> Setup:
    return await base.read(lambda conn: setups.load(conn, setups.current_version(conn)))


def hiring(written: dict[str, str] = LADA) -> Callable[[Setup], Setup]:
    return partial(put_item, section="manager", written=written, key=None)


def tries(n: int) -> Callable[[Setup], Setup]:
    return partial(put_table, section="missed", written={"tries": n})


async def begin(base: Database, name: str = "Весна") -> str:
    return await base.write(tuning.new_draft, name, by=BY, now=NOON)


async def publish(base: Database, id_: str, **more: Any) -> Edited:
    return await base.write(tuning.publish, id_, seal=SEAL, by=BY, now=NOON, **more)


# At once


async def test_a_change_is_a_version_with_its_maker_and_stands_in_the_audit(base: Database) -> None:
    done = await edit(base, hiring(), note="  a new\ncolleague ")
    assert done.changes == ("+ manager lada",)
    (new, old) = await base.read(setups.versions)
    assert (new.version, new.by, new.note, new.until) == (2, BY, "a new colleague", None)
    assert (old.version, old.by, old.until) == (1, "apply", NOON)
    assert (await current(base)).managers["lada"].name == "Лада"
    lines = await base.read(audit.lines)
    assert [(one.actor, one.action, one.object) for one in lines] == [
        (BY, "published", "setup:2"),
        ("apply", "published", "setup:1"),
    ]


async def test_what_changes_nothing_makes_no_version(base: Database) -> None:
    same = await edit(base, lambda setup: setup)
    assert same.changes == ()
    assert await base.read(setups.current_version) == 1


async def test_a_setup_that_cannot_be_worked_with_is_refused_whole(base: Database) -> None:
    def both(setup: Setup) -> Setup:
        return drop_item(hiring()(setup), "ladder", "sales")

    with pytest.raises(BadSetup):
        await edit(base, both)
    assert await base.read(setups.current_version) == 1


async def test_a_page_that_showed_another_version_changes_nothing(base: Database) -> None:
    await edit(base, hiring(), seen=1)
    with pytest.raises(Stale):
        await edit(base, tries(5), seen=1)
    assert (await current(base)).missed.tries == 3


async def test_a_secret_is_sealed_before_it_is_kept(base: Database) -> None:
    def turn(setup: Setup) -> Setup:
        written = written_of(setup, "account", "main")
        return put_item(
            setup, "account", {**written, "secret": ["kept", "second secret"]}, key="main"
        )

    before = (await current(base)).account[0].secrets
    await edit(base, turn)
    first, second = (await current(base)).account[0].secrets
    assert (first,) == before
    assert second.startswith(SEALED)
    assert SEAL.open(second) == "second secret"
    assert "second secret" not in await base.read(export)


async def test_the_last_administrator_stays(base: Database) -> None:
    setup = await current(base)
    boss = {**LADA, "role": "admin"}
    await edit(base, hiring(boss))
    setup = await current(base)
    _, link = await base.write(
        people.add_user, "", "lada@example.com", "", "lada", setup, by=BY, now=NOON
    )
    assert await base.write(people.accept, link, "a hash", Whence(), now=NOON)
    with pytest.raises(BadSetup, match=r"manager\[lada\].*last administrator"):
        await edit(base, partial(drop_item, section="manager", key="lada"))
    with pytest.raises(BadSetup, match="last administrator"):
        await edit(base, partial(put_item, section="manager", written=LADA, key="lada"))
    with pytest.raises(BadSetup, match="last administrator"):
        await base.write(apply, LITERAL, seal=SEAL, now=NOON, prune=True, force=True)
    assert find_item(await current(base), "manager", "lada").active
    id_ = await begin(base)
    await edit(base, partial(drop_item, section="manager", key="lada"), draft=id_)
    looked = await base.read(tuning.look_at, id_, now=NOON)
    assert [one.key for one in looked.problems] == ["manager[lada].role"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param('[backups]\nto = "run:rm -rf /"', "backups.to", id="a command"),
        pytest.param(
            GOOD.replace("env:PBX_SECRET", "env:CALLROUTER_SECRET_KEY"),
            "account[main].secret",
            id="the server's own key",
        ),
        pytest.param(
            GOOD.replace("env:PBX_SECRET", "env:STRIPE_KEY"),
            "account[main].secret",
            id="a variable of another program",
        ),
    ],
)
async def test_some_things_are_said_at_the_server_only(
    base: Database, text: str, name: str
) -> None:
    written = read_file(text)
    with pytest.raises(BadSetup) as bad:
        await edit(base, lambda setup: merge(setup, written))
    assert [one.key for one in bad.value.problems] == [name]
    id_ = await begin(base)
    await edit(base, lambda setup: merge(setup, written), draft=id_)
    looked = await base.read(tuning.look_at, id_, now=NOON)
    assert [one.key for one in looked.problems] == [name]
    with pytest.raises(BadSetup, match="on the server itself"):
        await publish(base, id_)
    with pytest.raises(BadSetup, match="on the server itself"):
        await base.write(apply, text, seal=SEAL, now=NOON, afar=True)
    await base.write(apply, text, seal=SEAL, now=NOON)
    assert (await edit(base, tries(5))).changes == ("~ missed: tries 3 → 5",)  # it may stay


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        pytest.param(
            {"base_url": "https://api.good.example"},
            {"base_url": "https://api.evil.example"},
            "account[main].secret",
            id="an API",
        ),
        pytest.param(
            {"smtp": {"url": "smtps://lada@good.example", "password": "one of Lada"}},
            {"smtp": {"url": "smtps://lada@evil.example", "password": "kept"}},
            "manager[lada].smtp.password",
            id="a mailbox",
        ),
    ],
)
async def test_a_secret_is_not_carried_out_by_another_host(
    base: Database, before: dict[str, Any], after: dict[str, Any], name: str
) -> None:
    def say(more: dict[str, Any]) -> Callable[[Setup], Setup]:
        def change(setup: Setup) -> Setup:
            if "smtp" in more:
                lada = {**LADA, "email": "lada@example.com", **more}
                key = "lada" if "lada" in setup.managers else None
                return put_item(setup, "manager", lada, key=key)
            main = {"secret": "first secret", **written_of(setup, "account", "main"), **more}
            return put_item(setup, "account", main, key="main")

        return change

    await edit(base, say({**before, "secret": "first secret"} if "smtp" not in before else before))
    with pytest.raises(BadSetup, match=r"another host: .*evil") as bad:
        await edit(base, say(after))
    assert [one.key for one in bad.value.problems] == [name]
    id_ = await begin(base)
    await edit(base, say(after), draft=id_)
    with pytest.raises(BadSetup, match="goes to another host"):
        await publish(base, id_)
    anew = (
        {"smtp": {**after["smtp"], "password": "one of Lada"}}
        if "smtp" in after
        else {**after, "secret": "first secret"}
    )
    await edit(base, say(anew), draft=id_)
    await publish(base, id_)
    if "smtp" not in before:  # whose mailbox stays whole
        with pytest.raises(BadSetup, match=r"another host: .*good"):
            await base.write(tuning.go_back, 2, seal=SEAL, by=BY, now=NOON)


async def test_what_was_changed_here_stops_a_file_until_it_is_taken_over(base: Database) -> None:
    await edit(base, tries(5))
    assert await base.read(changed_on_screen) == ("~ missed: tries 3 → 5",)
    with pytest.raises(ChangedOnScreen):
        await base.write(apply, "[missed]\ntries = 4", seal=SEAL, now=NOON)
    taken = await base.read(export)
    another = taken.replace("tries = 5", "tries = 6")
    with pytest.raises(ChangedOnScreen):
        await base.write(apply, another, seal=SEAL, now=NOON)
    await base.write(apply, another, seal=SEAL, now=NOON, force=True)
    assert await base.read(changed_on_screen) == ()


BLOCK = '\n[[block]]\nnumber = "+79160000055"\n'
SECOND = {"key": "second", "default_line": "+74951230002", "secret": "of the second"}


@pytest.mark.parametrize(
    "change",
    [
        tries(5),
        hiring(),
        partial(put_item, section="account", written=SECOND, key=None),
        partial(
            put_item,
            section="ladder",
            written={"key": "night", "step": [{"say": "Позже"}]},
            key="night",
        ),
        partial(drop_item, section="manager", key="anna"),
        partial(drop_item, section="rule", key="VIP"),
        partial(move_item, section="line", key="+74951230002", to=0),
    ],
    ids=["a figure", "hired", "a secret", "a ladder", "has left", "a rule is gone", "an order"],
)
async def test_a_file_that_has_what_was_changed_here_is_applied_and_another_is_not(
    base: Database, change: Any
) -> None:
    before = await base.read(export)
    done = await edit(base, change)
    assert await base.read(changed_on_screen) == done.changes
    taken = await base.read(export)
    for file in (BLOCK, before + BLOCK):  # it says nothing of it, or what was
        with pytest.raises(ChangedOnScreen):
            await base.write(apply, file, seal=SEAL, now=NOON)
    applied = await base.write(apply, taken + BLOCK, seal=SEAL, now=NOON)
    assert len(applied.changes) == 1, applied.changes
    assert "block" in applied.changes[0]
    assert await base.read(changed_on_screen) == ()
    kept = await base.read(export)
    assert kept.replace(BLOCK, "").split() == taken.split()


# Drafts


async def test_a_draft_changes_nothing_until_it_is_published(base: Database) -> None:
    id_ = await begin(base, " Весна \n 2027 ")
    done = await edit(base, tries(5), draft=id_)
    assert done.changes == ("~ missed: tries 3 → 5",)
    assert (await current(base)).missed.tries == 3
    looked = await base.read(tuning.look_at, id_, now=NOON)
    assert (looked.draft.name, looked.changes) == ("Весна 2027", ("~ missed: tries 3 → 5",))
    published = await publish(base, id_, seen=looked.draft.version)
    assert published.setup.version == 2
    assert (await current(base)).missed.tries == 5
    assert (await base.read(setups.versions))[0].note == "Весна 2027"
    assert await base.read(drafts.everybody) == []
    with pytest.raises(NoSuchDraft):
        await publish(base, id_)


async def test_a_draft_may_be_wrong_for_a_while_but_is_not_published_so(base: Database) -> None:
    id_ = await begin(base)
    rule = {
        "name": "Ночь",
        "when": {"field": "holiday", "op": "is", "value": True},
        "ladder": "new",
    }
    done = await edit(base, partial(put_item, section="rule", written=rule, key=None), draft=id_)
    assert [one.key for one in done.problems] == ["rule[Ночь].ladder"]
    with pytest.raises(BadSetup):
        await publish(base, id_)
    ladder = {"key": "new", "step": [{"ring": "all", "seconds": 30}]}
    await edit(base, partial(put_item, section="ladder", written=ladder, key=None), draft=id_)
    assert (await publish(base, id_)).changes == ("+ ladder new", "+ rule Ночь")


async def test_a_secret_that_is_none_is_refused_before_a_draft_seals_it(base: Database) -> None:
    def turn(setup: Setup) -> Setup:
        written = written_of(setup, "account", "main")
        return put_item(setup, "account", {**written, "secret": "x"}, key="main")

    id_ = await begin(base)
    with pytest.raises(BadSetup, match=r"account\[main\]\.secret.*too short"):
        await edit(base, turn, draft=id_)
    assert (await base.read(tuning.look_at, id_, now=NOON)).changes == ()


async def test_a_draft_is_published_on_what_others_have_published_meanwhile(base: Database) -> None:
    id_ = await begin(base)
    await edit(base, tries(5), draft=id_)
    await edit(base, hiring())
    assert (await publish(base, id_)).changes == ("~ missed: tries 3 → 5",)
    assert "lada" in (await current(base)).managers


async def test_two_who_changed_the_same_are_told_and_nothing_is_lost(base: Database) -> None:
    id_ = await begin(base)
    await edit(base, tries(5), draft=id_)
    await edit(base, tries(4))
    assert (await base.read(tuning.look_at, id_, now=NOON)).conflicts == ("missed.tries",)
    with pytest.raises(Conflict, match=r"missed\.tries"):
        await publish(base, id_)
    assert (await current(base)).missed.tries == 4
    await edit(base, tries(4), draft=id_)  # both mean the same now
    assert (await publish(base, id_)).changes == ()


async def test_a_draft_changed_since_it_was_looked_at_is_not_published(base: Database) -> None:
    id_ = await begin(base)
    await edit(base, tries(5), draft=id_, seen=1)
    with pytest.raises(Stale):
        await edit(base, tries(6), draft=id_, seen=1)
    with pytest.raises(Stale):
        await publish(base, id_, seen=1)
    await base.write(tuning.discard, id_, by=BY, now=NOON)
    with pytest.raises(NoSuchDraft):
        await edit(base, tries(6), draft=id_)


@pytest.mark.parametrize(
    ("name", "code"), [(" ", "needed"), ("д" * 81, "too_long")], ids=["no name", "a long one"]
)
async def test_a_draft_has_a_name(base: Database, name: str, code: str) -> None:
    with pytest.raises(BadDraft) as bad:
        await begin(base, name)
    assert (bad.value.field, bad.value.code) == ("name", code)


async def test_there_are_only_so_many_drafts(
    base: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "MOST_DRAFTS", 2)
    await begin(base)
    await begin(base)
    with pytest.raises(BadDraft, match="too_many"):
        await begin(base)


# Back


async def test_a_past_version_comes_back_with_todays_secrets_and_people(base: Database) -> None:
    def turn(setup: Setup) -> Setup:
        written = written_of(setup, "account", "main")
        return put_item(setup, "account", {**written, "secret": "second secret"}, key="main")

    await edit(base, tries(5))
    await edit(base, turn)
    await edit(base, hiring())
    now = NOON + timedelta(days=1)
    done = await base.write(tuning.go_back, 1, seal=SEAL, by=BY, now=now)
    setup = await current(base)
    assert done.setup == setup
    assert (setup.version, setup.missed.tries) == (5, 3)
    assert SEAL.open(setup.account[0].secrets[0]) == "second secret"
    assert not setup.managers["lada"].active
    assert (await base.read(setups.versions))[0].note == "= 1"
    first = await base.read(setups.load, 1)
    assert replace(setup, version=1, manager=(), account=()) == replace(
        first, manager=(), account=()
    )


async def test_what_signs_for_programs_stays_as_it_is_now(base: Database) -> None:
    told = {"key": "crm", "url": "https://crm.example.com/in", "secret": "first of the crm"}
    await edit(base, partial(put_item, section="webhook", written=told, key=None))
    turned = {**told, "secret": "second of the crm"}
    await edit(base, partial(put_item, section="webhook", written=turned, key="crm"))
    await edit(base, tries(5))
    await base.write(tuning.go_back, 2, seal=SEAL, by=BY, now=NOON)
    (webhook,) = (await current(base)).webhook
    assert [SEAL.open(one) for one in webhook.secrets] == ["second of the crm"]


@pytest.mark.parametrize("version", [0, 9])
async def test_there_is_no_way_back_to_what_never_was(base: Database, version: int) -> None:
    with pytest.raises(NoSuchVersion):
        await base.write(tuning.go_back, version, seal=SEAL, by=BY, now=NOON)
