"""Forms of the setup: every key has one, and what they save is what `export` says."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import (
    DEFAULT_PIPELINE,
    Absence,
    Condition,
    CustomField,
    Letter,
    Manager,
    Setup,
    Smtp,
    Status,
    Webhook,
)
from callrouter.flows.apply import export
from callrouter.flows.tuning import new_draft
from callrouter.pages.setup_form import open_form, written
from callrouter.pages.setup_kinds import Context, Rows
from callrouter.pages.setup_refs import REFERS, referring
from callrouter.pages.setup_sections import LEFT_OUT, SECTION_GROUPS, SECTIONS
from callrouter.sample import sample_setup
from callrouter.setup_file import check
from callrouter.setup_file.editing import drop_item, put_item, put_table, written_of
from callrouter.setup_file.names import LISTS, label, toml_key
from callrouter.setup_file.names import SECTIONS as ALL
from callrouter.wording import speak
from callrouter.wording.setup_problems import problem_said
from storage import drafts, setups
from tests.api.rows import NOON, add_card
from tests.pages.conftest import Seen, Site
from tests.pages.markup import Markup
from tests.pages.test_contacts import come_as

ELSEWHERE = {"account", "ladder", "rule", "block"}
"""Sections that have pages, and tests, of their own."""

TODAY = NOON.date()
SITE_LINE = "+74950000101"


def whole_setup() -> Setup:
    """The demo's company, with something of every kind in it."""
    setup = sample_setup(lambda _: "env:PBX_SECRET", today=TODAY)
    anna, boris, *others = setup.manager
    anna = replace(anna, smtp=Smtp("smtps://anna@mail.example:465", "env:ANNA_MAIL"))
    boris = replace(boris, dial={"main": ("102", "+79431110002"), "bare": "302"})
    sales = setup.pipeline[0]
    first, work, *rest = sales.statuses
    statuses = (
        replace(first, moves=("in_work", "junk"), weight=0.5),
        replace(work, moves=(), required=("amount", "city")),
        *rest,
    )
    offer, brief = setup.letter
    condition = Condition(field="contact.tag", op="in", value=("vip", "опт"))
    return replace(
        setup,
        manager=(anna, boris, *others),
        pipeline=(replace(sales, statuses=statuses),),
        letter=(replace(offer, when=condition), brief),
        field=(
            CustomField("city", "Город", type="choice", choices=("Тула", "Орёл, область")),
            CustomField("birthday", "День рождения", "contact", "date"),
        ),
        company=replace(setup.company, holidays=(TODAY + timedelta(days=8),)),
        letters=replace(setup.letters, quiet="20:00-08:00"),
        webhook=(Webhook("crm", "https://crm.example/hook", "env:CRM_SECRET"),),
    )


async def in_force(site: Site, setup: Setup) -> None:
    def publish(conn: Connection) -> Setup:
        return setups.publish(conn, setup, by="apply", now=NOON)

    site.setups.current = await site.service.database.write(publish)


async def now_in_force(site: Site) -> Setup:
    def read(conn: Connection) -> Setup:
        return setups.load(conn, setups.current_version(conn))

    return await site.service.database.read(read)


@dataclass
class Filled(HTMLParser):
    """The form of a page as a browser would send it untouched."""

    html: str
    sent: list[tuple[str, str]] = field(default_factory=list)
    action: str = ""
    _in: bool = False
    _area: str = ""
    _select: tuple[str, list[str], str | None] | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value")
        if tag == "form" and given.get("class") == "setup-form":
            self._in, self.action = True, given.get("action") or ""
        if not self._in:
            return
        if tag == "input" and name:
            if given.get("type") != "checkbox":
                self.sent.append((name, value or ""))
            elif "checked" in given:
                self.sent.append((name, value or "on"))
        elif tag == "textarea":
            self._area = name
            self.sent.append((name, ""))
        elif tag == "select":
            self._select = (name, [], None)
        elif tag == "option" and self._select:
            self._select[1].append(value or "")
            if "selected" in given:
                self._select = (self._select[0], self._select[1], value or "")

    def handle_data(self, data: str) -> None:
        if self._area:
            name, text = self.sent.pop()
            self.sent.append((name, text + data))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in = False
        elif tag == "textarea" and self._area:
            name, text = self.sent.pop()
            self.sent.append((name, text.removeprefix("\n").replace("\n", "\r\n")))
            self._area = ""
        elif tag == "select" and self._select:
            name, options, chosen = self._select
            self.sent.append((name, options[0] if chosen is None else chosen))
            self._select = None

    def having(self, **typed: str | list[str] | None) -> list[tuple[str, str]]:
        """With some fields typed anew; None: unticked. `__` stands for a dot."""
        anew = {name.replace("__", "."): value for name, value in typed.items()}
        kept = [(name, value) for name, value in self.sent if name not in anew]
        for name, value in anew.items():
            values = [value] if isinstance(value, str) else value or []
            kept += [(name, it) for it in values]
        return kept


async def opened(site: Site, path: str) -> Filled:
    page = await site.get(f"{path}{'&' if '?' in path else '?'}language=en")
    assert page.status == 200, path
    return Filled(page.text)


async def send(site: Site, action: str, typed: list[tuple[str, str]]) -> Seen:
    headers = {"Origin": site.url, "Cookie": "callrouter_language=en"}
    return await site.ask("POST", action, data=typed, headers=headers)


async def save(site: Site, path: str, /, **typed: str | list[str] | None) -> Seen:
    form = await opened(site, path)
    return await send(site, form.action, form.having(**typed))


def path_of(section: str, key: str = "") -> str:
    return (
        f"/setup/{section}/{key.replace('+', '%2B').replace(' ', '%20')}"
        if key
        else f"/setup/{section}"
    )


# Whole


def keys_of(cls: Any, prefix: str) -> Iterator[str]:
    """Every key of a table of setup.toml, those of tables in it as well."""
    hints = get_type_hints(cls)
    for one in fields(cls):
        name = f"{prefix}.{toml_key(one.name)}"
        yield name
        hint = hints[one.name]
        inner = [it for it in get_args(hint) if is_dataclass(it) and it is not Condition]
        if get_origin(hint) is tuple and inner:
            yield from keys_of(inner[0], name)


def described(section: str) -> set[str]:
    found = set()
    for it in SECTIONS[section].fields:
        found.add(f"{section}.{it.name}")
        if isinstance(it.kind, Rows):
            found |= {f"{section}.{it.name}.{row.name}" for row in it.kind.fields}
    return found


def test_every_key_of_the_setup_has_a_field_or_a_reason_to_have_none() -> None:
    hints = get_type_hints(Setup)
    missing, unknown = set(), set()
    for section in ALL:
        if section in LEFT_OUT:
            continue
        if section not in SECTIONS:
            missing.add(section)
            continue
        cls = get_args(hints[section])[0] if section in LISTS else hints[section]
        keys = set(keys_of(cls, section))
        missing |= keys - described(section) - set(LEFT_OUT)
        unknown |= described(section) - keys
    assert not missing
    assert not unknown
    assert set(LEFT_OUT) <= {*ALL, "load.overdue_weight"}
    assert all(LEFT_OUT.values())
    grouped = [one.name for group in SECTION_GROUPS for one in group.sections]
    assert sorted(grouped) == sorted(SECTIONS)


def items(setup: Setup) -> Iterator[tuple[str, str]]:
    for section in SECTIONS.values():
        if section.is_list:
            for item in getattr(setup, section.name):
                yield section.name, label(section.name, item)
        else:
            yield section.name, ""


async def test_saving_every_form_untouched_changes_nothing(site: Site) -> None:
    setup = whole_setup()
    assert check(setup) == ()
    await in_force(site, setup)
    met = Counter[str]()
    for section, key in items(setup):
        met[section] += 1
        if met[section] > 2:
            continue  # the third is read below, without a browser
        form = await opened(site, path_of(section, key))
        assert Markup(form.html).is_ours()
        found = await send(site, form.action, form.sent)
        assert found.status == 303, (section, key)
        assert found.headers["Location"].endswith("?done=same"), (section, key)
    assert set(met) == set(SECTIONS)
    assert await now_in_force(site) == replace(setup, version=1)


def test_no_field_loses_anything_of_what_it_shows() -> None:
    """Each item read back from what a browser would send, though nothing says it is untouched."""
    setup = whole_setup()
    ctx = Context(setup, speak("en"), NOON)
    for name, key in items(setup):
        form = open_form(SECTIONS[name], written_of(setup, name, key), ctx, new=True)
        item = written(replace(form, was={}))
        again = put_item(setup, name, item, key=key) if key else put_table(setup, name, item)
        assert again == setup, (name, key)


CHANGES: list[tuple[str, str, dict[str, Any], str]] = [
    ("company", "", {"name": "Василёк"}, 'name = "Василёк"'),
    ("company", "", {"holidays": "01.05.2026\n2026-05-02"}, "holidays = [2026-05-01, 2026-05-02]"),
    ("company", "", {"duty": "anna"}, 'duty = "anna"'),
    ("company", "", {"language": "en"}, 'language = "en"'),
    (
        "routing",
        "",
        {"responsible": ["talked", "", "card", "", ""], "strict": "yes", "tried_hours": "5"},
        'responsible = ["talked", "card"]\ntried_hours = 5\nstrict = true',
    ),
    ("load", "", {"tie": "7,5", "soft_days": "0"}, "tie = 0.075\nsoft_days = 0"),
    ("recordings", "", {"outgoing": None}, "outgoing = false"),
    (
        "leads",
        "",
        {"allowed_origins": "https://a.example"},
        'allowed_origins = ["https://a.example"]',
    ),
    ("backups", "", {"at": "04:30", "to": "s3://b/c"}, 'at = "04:30"\nto = "s3://b/c"'),
    ("workplace", "", {"managers_see": "team"}, 'managers_see = "team"'),
    ("letters", "", {"quiet": ""}, '[letters]\nsender = "sales@romashka.example"'),
    ("office", "msk", {"hours": "Mo-Su 08:00-20:00"}, 'hours = "Mo-Su 08:00-20:00"'),
    ("team", "shop", {"head": ""}, 'key = "shop"\nname = "Магазин"\n'),
    ("manager", "anna", {"dial": "111"}, 'dial = "111"'),
    (
        "manager",
        "anna",
        {"dial": "", "dial__main": "111", "dial__bare": "112"},
        '{ main = "111", bare = "112" }',
    ),
    ("manager", "boris", {"dial__bare": ""}, 'dial = { main = ["102", "+79431110002"] }'),
    ("manager", "anna", {"started_on": "2026-02-02"}, "started_on = 2026-02-02"),
    ("manager", "anna", {"smtp": ""}, 'post = "менеджер по работе с клиентами"\n\n'),
    ("manager", "vera", {"skills": "en\nde"}, 'skills = ["en", "de"]'),
    ("absence", f"gleb {TODAY - timedelta(days=3)}", {"reason": "sick"}, 'reason = "sick"'),
    ("line", SITE_LINE, {"record_days": "30", "ladder": "vip"}, 'ladder = "vip"'),
    ("line", SITE_LINE, {"aliases": "trunk-2"}, 'aliases = ["trunk-2"]'),
    (
        "pipeline",
        "sales",
        {"statuses__0__moves__only": None},
        '{ key = "new", name = "Новая", weight = 0.5 }',
    ),
    (
        "pipeline",
        "sales",
        {"statuses__4__required": ["items", "email"]},
        'required = ["items", "email"]',
    ),
    (
        "pipeline",
        "sales",
        {"statuses__6__key": "later", "statuses__6__name": "Позже"},
        '{ key = "later", name = "Позже" }',
    ),
    ("field", "city", {"choices": "Тула"}, 'choices = ["Тула"]'),
    (
        "entity",
        "romashka",
        {"vat": "10", "prices_include_vat": None},
        'vat = "10"\nprices_include_vat = false',
    ),
    ("letter", "offer", {"attach": ["docx", "odt"]}, 'attach = ["docx", "odt"]'),
    (
        "alarms",
        "",
        {"mail": "it@example.com", "silent_min": "0"},
        'mail = ["it@example.com"]\nsilent_min = 0',
    ),
    ("digest", "", {"active": None, "at": "07:15"}, 'active = false\nat = "07:15"'),
    (
        "webhook",
        "crm",
        {"events": ["call.missed"], "secret": "twelve letters"},
        'secret = "kept"\nevents = ["call.missed"]',
    ),
    ("webhook", "crm", {"allow_private": "yes"}, 'secret = "env:CRM_SECRET"\nallow_private = true'),
    ("letter", "offer", {"when": ""}, 'undo_seconds = 20\nthen_status = "offer_sent"\n\n'),
]


async def test_a_change_of_each_kind_arrives_in_the_file(site: Site) -> None:
    setup = whole_setup()
    await in_force(site, setup)
    kinds = set()
    for section, key, typed, expected in CHANGES:
        kinds |= {type(SECTIONS[section].field(name.partition("__")[0]).kind) for name in typed}
        before = await now_in_force(site)
        done = await save(site, path_of(section, key), **typed)
        assert done.status == 303, (
            section,
            typed,
            re.findall(r'class="wrong"[^>]*>([^<]*)', done.text),
        )
        assert done.headers["Location"].endswith("?done=saved"), (section, typed)
        found = await site.service.database.read(export)
        assert expected in found, (section, typed, found)
        assert (await now_in_force(site)).version == before.version + 1
        await in_force(site, setup)
    known = {type(it.kind) for one in SECTIONS.values() for it in one.fields}
    tried_as_text = {"Place", "Phone", "Text"}
    assert {it.__name__ for it in known - kinds} <= tried_as_text


# Refused


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(site: Site) -> None:
    await in_force(site, whole_setup())
    path = path_of("manager", "anna")
    refused = await save(
        site, path, name="Анна С.", capacity="0", shift="Mo-Xx 9-18", phones="hello"
    )
    assert refused.status == 422
    form = Filled(refused.text)
    assert ("name", "Анна С.") in form.sent
    assert ("shift", "Mo-Xx 9-18") in form.sent
    for name, said in (
        ("capacity", "It is 0; it may be from 1 to 10000."),
        ("shift", "“mo-xx” are no days"),
        ("phones", "“hello” is no phone number"),
    ):
        beside = re.search(rf'id="f-{name}-said">(.*?)</span>\s*</', refused.text, re.DOTALL)
        assert beside, name
        assert said in beside[1], name
    again = await send(site, form.action, form.having(capacity="ten", started_on="soon"))
    assert again.status == 422
    assert "A whole number is needed." in again.text
    assert "“soon” is no day" in again.text
    assert (await now_in_force(site)).managers["anna"].capacity == 20

    elsewhere = await save(site, path, dial="103")
    assert elsewhere.status == 422
    assert "manager[vera].dial: “103” is the phone of “anna” too" in elsewhere.text

    same = await opened(site, "/setup/office/new")
    taken = await send(site, same.action, same.having(key="msk", name="Ещё одна"))
    assert taken.status == 422
    assert "There is one with this name already." in taken.text
    ours = await send(site, same.action, same.having(key="new"))
    assert "an address of ours is called so" in ours.text
    nameless = await send(site, same.action, same.having(name="Ещё одна"))
    assert "This is needed." in nameless.text
    assert ("name", "Ещё одна") in Filled(nameless.text).sent

    row = await save(site, path_of("pipeline", "sales"), statuses__1__weight="heavy")
    assert "A number is needed" in row.text
    row = await save(site, path_of("pipeline", "sales"), statuses__0__closed="yes")
    assert "The first status has to be an open one" in row.text
    command = await save(site, "/setup/backups", to="run:rm -rf /")
    assert command.status == 422
    assert "A command is set on the server alone" in command.text


@pytest.mark.parametrize("typed", ["", "   ", "not a phone", "8 (495) 000-01-01"])
async def test_no_line_is_left_without_a_last_resort(site: Site, typed: str) -> None:
    setup = whole_setup()
    await in_force(site, setup)

    def beside(html: str) -> str:
        (said,) = re.findall(r'id="f-last_resort-said">(.*?)</span>\s*</', html, re.DOTALL)
        assert ("last_resort", typed) in Filled(html).sent
        return Markup(said).text

    why = {
        "not a phone": "“not a phone” cannot be dialled",
        "8 (495) 000-01-01": "is a number of our own",
    }.get(typed, "This is needed.")
    refused = await save(site, path_of("line", SITE_LINE), last_resort=typed, name="Новый сайт")
    assert refused.status == 422
    assert why in beside(refused.text)
    assert ("name", "Новый сайт") in Filled(refused.text).sent
    more = await save(site, "/setup/line/new", number="+74950000555", last_resort=typed)
    assert more.status == 422
    assert why in beside(more.text)
    assert await now_in_force(site) == replace(setup, version=1)


async def test_a_draft_with_a_bad_last_resort_is_not_published(site: Site) -> None:
    setup = whole_setup()
    await in_force(site, setup)
    draft = await site.service.database.write(new_draft, "Весна", by="user:x", now=NOON)
    path = f"/setup/line/{SITE_LINE}?draft={draft}"
    empty = await save(site, path, last_resort="")
    assert (empty.status, "This is needed." in empty.text) == (422, True)
    found = await site.service.database.read(drafts.find, draft)
    assert found is not None
    assert found.setup == setup
    assert (await save(site, path, last_resort=SITE_LINE)).status == 303
    page = await site.get(f"{path}&language=en")
    assert f"“{SITE_LINE}” is a number of our own" in page.text
    done = await send(site, f"/setup/drafts/{draft}/publish", [])
    assert done.status == 409
    assert f"line[{SITE_LINE}].last_resort" in Markup(done.text).text
    assert await now_in_force(site) == replace(setup, version=1)


async def test_of_two_who_change_the_same_the_second_sees_both(site: Site) -> None:
    await in_force(site, whole_setup())
    path = path_of("manager", "anna")
    first, second = await opened(site, path), await opened(site, path)
    done = await send(site, first.action, first.having(capacity="30", post="старший менеджер"))
    assert done.status == 303
    typed = second.having(capacity="12", confirm=None)
    refused = await send(site, second.action, typed)
    assert refused.status == 409
    assert "Somebody else has changed this meanwhile." in refused.text
    assert "There now: <b>30 deals in work</b>" in refused.text
    now = Filled(refused.text)
    assert ("capacity", "12") in now.sent
    assert ("post", "старший менеджер") in now.sent  # nobody typed there: it is as it is now
    assert (await now_in_force(site)).managers["anna"].capacity == 30
    assert (await send(site, now.action, now.sent)).status == 303
    anna = (await now_in_force(site)).managers["anna"]
    assert (anna.capacity, anna.post, anna.confirm) == (12, "старший менеджер", False)
    blind = await site.ask("POST", "/setup/company", headers={"Origin": site.url})
    assert blind.status == 409  # a form that was never opened


async def test_what_is_gone_meanwhile_can_be_put_back(site: Site) -> None:
    setup = whole_setup()
    await in_force(site, replace(setup, field=(*setup.field, CustomField("extra", "Лишнее"))))
    form = await opened(site, "/setup/field/extra")
    gone = await send(site, "/setup/field/extra/remove", [])
    assert gone.headers["Location"] == "/setup/field?done=gone"
    refused = await send(site, form.action, form.having(name="Не лишнее"))
    assert refused.status == 409
    again = Filled(refused.text)
    assert again.action == "/setup/field/new"
    assert (await send(site, again.action, again.sent)).status == 303
    assert (await now_in_force(site)).field[-1] == CustomField("extra", "Не лишнее")


# Lists, order, taking away


async def test_lists_say_what_matters_and_are_searched(site: Site) -> None:
    setup = whole_setup()
    old = replace(setup.manager[0], key="old", name="Олег Давний", dial=(), active=False, smtp=None)
    await in_force(site, replace(setup, manager=(*setup.manager, old)))
    page = await site.get("/setup/manager?language=en")
    assert "Анна Смирнова" in page.text
    assert "Олег Давний" not in page.text
    assert "Head of sales" in page.text
    assert Markup(page.text).is_ours()
    gone = await site.get("/setup/manager?state=gone")
    assert "Олег Давний" in gone.text
    assert "Анна Смирнова" not in gone.text
    found = await site.get("/setup/manager?q=екатеринбург")
    assert "Дина Фролова" in found.text
    assert "Анна Смирнова" not in found.text
    line = await site.get("/setup/line")
    assert "+7\u00a0495\u00a0000-01-01" in line.text
    away = await site.get("/setup/absence")
    days = re.findall(r'<td class="off[^"]*"><i>(\d+)</i>', away.text)
    assert days == [str((TODAY + timedelta(days=n)).day) for n in range(12)]
    assert (await site.get("/setup/nothing")).status == 404
    assert (await site.get("/setup/office/nowhere")).status == 404


async def test_items_and_rows_change_places(site: Site) -> None:
    await in_force(site, whole_setup())
    moved = await send(site, "/setup/field/move", [("key", "birthday"), ("to", "0")])
    assert moved.headers["Location"] == "/setup/field?done=moved"
    assert [one.key for one in (await now_in_force(site)).field] == ["birthday", "city"]
    form = await opened(site, "/setup/pipeline/sales")
    shown = await send(site, form.action, [*form.having(name="Сбыт"), ("do", "up:2")])
    assert shown.status == 200
    assert (await now_in_force(site)).pipelines["sales"].name == "Продажи"
    form = Filled(shown.text)
    assert ("name", "Сбыт") in form.sent
    for no_row in ("drop:" + "1" * 5000, "drop:²", "up:"):
        shown = await send(site, form.action, [*form.sent, ("do", no_row)])
        assert shown.status == 200
    shown = await send(site, form.action, [*form.sent, ("do", "drop:5")])
    form = Filled(shown.text)
    assert (await send(site, form.action, form.sent)).status == 303
    sales = (await now_in_force(site)).pipelines["sales"]
    assert sales.name == "Сбыт"
    assert [it.key for it in sales.statuses] == ["new", "offer_sent", "in_work", "invoice", "won"]


async def test_taking_away_says_what_names_it_and_managers_stay(site: Site) -> None:
    await in_force(site, whole_setup())
    card = add_card
    await site.service.database.write(lambda conn: [card(conn, manager="anna") for _ in range(2)])
    asked = await site.get("/setup/office/ekb/remove?language=en")
    assert "Дина Фролова" in asked.text
    assert "Сервис, Екатеринбург" in asked.text
    assert "Анна Смирнова" not in asked.text
    refused = await send(site, "/setup/office/ekb/remove", [])
    assert refused.status == 422
    assert "manager[dina].office" in refused.text
    asked = await site.get("/setup/manager/anna/remove?language=en")
    assert "Deals: 2, clients: 0, tasks: 0." in asked.text
    done = await send(site, "/setup/manager/anna/remove", [])
    assert done.status == 303, done.text
    assert not (await now_in_force(site)).managers["anna"].active
    page = await site.get("/setup/manager/anna?language=en")
    assert "callrouter handover anna --spread" in page.text
    assert "Nobody has taken it over yet." in page.text


@pytest.mark.parametrize("section", ["office", "team", "line", "pipeline", "entity", "field"])
def test_whatever_the_checker_finds_missing_was_named_before(section: str) -> None:
    setup = whole_setup()
    sales = replace(
        DEFAULT_PIPELINE, key="second", statuses=(Status("new"), *DEFAULT_PIPELINE.statuses[1:])
    )
    entity = replace(setup.entity[0], key="other")
    setup = replace(
        setup,
        pipeline=(*setup.pipeline, sales),
        entity=(*setup.entity, entity),
        office=tuple(replace(one, entity="romashka") for one in setup.office),
        leads=replace(setup.leads, pipeline="sales"),
    )
    assert check(setup) == ()
    found = 0
    for item in getattr(setup, section):
        key = label(section, item)
        named = {
            f"{it.section}[{it.key}]" if it.key else it.section
            for it in referring(setup, section, key)
        }
        for problem in check(drop_item(setup, section, key)):
            found += 1
            assert problem.key.startswith(tuple(named)), (key, problem)
    assert found
    assert section in REFERS.values()


# Who may, secrets, drafts


async def test_who_may_not_tune_sees_and_saves_nothing(site: Site) -> None:
    await in_force(site, whole_setup())
    form = await opened(site, "/setup/team/shop")
    await come_as(site, "head", "vera")
    for section, key in (("company", ""), ("manager", "anna"), ("pipeline", "sales")):
        page = await site.get(path_of(section, key))
        assert page.status == 200
        assert "setup-form" not in page.text
    assert "anna@mail.example" in (await site.get("/setup/manager/anna")).text
    assert "/setup/team/new" not in (await site.get("/setup/team")).text
    assert (await send(site, form.action, form.having(name="Другое"))).status == 403
    assert (await site.get("/setup/manager/anna/remove")).status == 403
    await come_as(site, "manager", "boris")
    assert (await site.get("/setup/company")).status == 403


async def test_a_password_goes_in_and_never_comes_out(site: Site) -> None:
    await in_force(site, whole_setup())
    path = "/setup/manager/anna"
    assert (await save(site, path, smtp__password="correct horse")).status == 303
    smtp = (await now_in_force(site)).managers["anna"].smtp
    assert smtp is not None
    assert smtp.password.startswith("sealed:")
    page = await site.get(path)
    assert "correct horse" not in page.text
    assert smtp.password not in page.text
    wrong = await save(site, path, smtp__password="battery staple", capacity="0")
    assert wrong.status == 422
    assert "battery staple" not in wrong.text
    assert "Type the secret again: it is not kept and not shown." in wrong.text
    assert "Type the secret again" not in (await save(site, path, capacity="0")).text
    wrong = await save(site, "/setup/webhook/crm", url="x", secret="battery staple")
    assert (wrong.status, "Type the secret again" in wrong.text) == (422, True)
    assert (await save(site, path, post="другая")).status == 303
    assert (await now_in_force(site)).managers["anna"].smtp == smtp
    assert (await save(site, path, smtp__password="sealed:x")).status == 422
    stolen = await save(site, path, smtp__password="env:CALLROUTER_SECRET_KEY")
    assert stolen.status == 422
    assert (await save(site, path, smtp__kept=None)).status == 303
    smtp = (await now_in_force(site)).managers["anna"].smtp
    assert smtp == Smtp("smtps://anna@mail.example:465")


async def test_a_draft_whose_company_has_no_time_zone_can_be_worked_on(site: Site) -> None:
    await in_force(site, whole_setup())
    begun = await send(site, "/setup/drafts", [("name", "Moon")])
    draft = str(begun.headers["Location"]).rpartition("/")[2]
    away = f"draft={draft}"
    assert (await save(site, f"/setup/company?{away}", time_zone="Moon")).status == 303
    paths = [f"/setup/{one.name}" for one in SECTIONS.values()]
    for path in (*paths, "/setup/absence?state=all", "/setup/manager/anna", "/setup/accounts"):
        page = await site.get(f"{path}{'&' if '?' in path else '?'}{away}")
        assert page.status == 200, path


async def test_a_draft_is_worked_on_and_says_what_keeps_it_back(site: Site) -> None:
    setup = whole_setup()
    await in_force(site, setup)
    draft = await site.service.database.write(new_draft, "Весна", by="user:x", now=NOON)
    path = f"/setup/manager/anna?draft={draft}"
    done = await save(site, path, capacity="0")
    assert done.status == 303
    assert done.headers["Location"] == f"/setup/manager/anna?done=saved&draft={draft}"
    assert await now_in_force(site) == replace(setup, version=1)
    page = await site.get(f"{done.headers['Location']}&language=en")
    assert "Saved." in page.text
    assert "It is 0; it may be from 1 to 10000." in page.text
    assert ("capacity", "0") in Filled(page.text).sent
    listed = await site.get(f"/setup/manager?draft={draft}")
    assert f"/setup/manager/anna?draft={draft}" in listed.text
    found = await site.service.database.read(drafts.find, draft)
    assert found is not None
    assert found.setup.managers["anna"].capacity == 0


async def test_hours_are_said_day_by_day(site: Site) -> None:
    await in_force(site, whole_setup())
    page = await site.get("/setup/office/ekb?language=en")
    days = re.findall(r'class="week-day( shut)?"><b>([^<]*)</b>', page.text)
    assert days[0] == ("", "Mon 02.03")
    assert days[5:] == [(" shut", "Sat 07.03"), (" shut", "Sun 08.03")]
    said = await site.get("/setup/hours?text=22:00-06:00&office=ekb&language=en")
    found = json.loads(said.text)
    assert found["days"][0] == {"day": "Mon 02.03", "open": "22:00–06:00", "holiday": False}
    assert found["zone"] == "Asia/Yekaterinburg"
    always = json.loads((await site.get("/setup/hours?text=24/7")).text)
    assert {it["open"] for it in always["days"]} == {"00:00–24:00"}
    wrong = json.loads((await site.get("/setup/hours?text=Mo-Fr&language=en")).text)
    assert len(wrong["days"]) == 7
    wrong = json.loads((await site.get("/setup/hours?text=Mo+9-18&language=en")).text)
    assert wrong == {
        "days": [],
        "wrong": "“9-18” are no times. Times are like 09:00-18:00, or off.",
        "zone": "",
    }


async def test_absences_are_offered_from_the_managers_page(site: Site) -> None:
    await in_force(site, whole_setup())
    page = await site.get("/setup/manager/boris")
    assert "/setup/absence/new?manager=boris" in page.text
    form = await opened(site, "/setup/absence/new?manager=boris")
    assert ("manager", "boris") in form.sent
    first, last = TODAY + timedelta(days=3), TODAY + timedelta(days=5)
    typed = {"from": first.isoformat(), "to": last.isoformat(), "reason": "trip"}
    done = await send(site, form.action, form.having(**typed))
    assert done.headers["Location"] == f"/setup/absence/boris%20{first}?done=saved"
    assert (await now_in_force(site)).absence[-1] == Absence("boris", first, last, "trip")
    back = await opened(site, f"/setup/absence/boris%20{first}")
    wrong = await send(site, back.action, back.having(to=TODAY.isoformat()))
    assert "The last day comes before the first." in wrong.text


async def test_a_figure_in_per_cent_is_wrong_in_per_cent(site: Site) -> None:
    await in_force(site, whole_setup())
    wrong = await save(site, "/setup/load", tie="200")
    assert wrong.status == 422
    assert "It is 200; it may be from 0 to 100." in wrong.text


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            'there is no manager "verra"; did you mean "vera"? allowed: "anna", "vera"',
            '«verra» здесь нет. Может быть, «vera»? Есть: "anna", "vera".',
        ),
        (
            (
                '"+7495" is outside what account[main].allowed_prefixes lets; '
                "allowed: no outside numbers"
            ),
            "«+7495» — внешний номер, а через АТС «main» внешние номера набирать нельзя.",
        ),
        ("no file was chosen", "Файл не выбран."),
        ("it has more than 10 bytes", "Файл слишком велик: можно не больше 10 байт."),
    ],
)
def test_what_would_be_lost_in_another_sentence_has_its_own(message: str, said: str) -> None:
    assert problem_said(message, speak("ru")) == said


def test_what_the_checker_says_is_said_to_people() -> None:
    """Each sentence of a few broken setups, in both languages."""
    setup = whole_setup()
    anna = Manager(
        "anna", "А" * 201, "a b", team="no", office="no", capacity=0, shift="off-on", email="x",
        phones=("1",), skills=("a", "a"), deputy="anna", smtp=Smtp("smtp://:x@host"),
    )  # fmt: skip
    broken = replace(
        setup,
        company=replace(setup.company, time_zone="Moon", region="XX", duty="gone"),
        office=(replace(setup.office[0], key="а б"),),
        manager=(anna, *setup.manager[1:]),
        entity=(replace(setup.entity[0], inn="123", kpp="1", account="1" * 20, ogrn="1" * 13),),
        pipeline=(replace(DEFAULT_PIPELINE, statuses=DEFAULT_PIPELINE.statuses[4:]),),
        letter=(Letter("x", kind="brief", attach=("odt",), on_status="no", release="head"),),
        letters=replace(setup.letters, quiet="24/7", sender="x"),
        field=(CustomField("amount", "", choices=("a",)),),
    )
    plain = [it.message for it in check(broken)]
    assert len(plain) > 20
    russian = [problem_said(it, speak("ru")) for it in plain]
    unsaid = [it for it in russian if not re.search("[а-я]{3}", it.replace("А" * 201, ""))]
    assert len(unsaid) <= 4, unsaid
    assert not {it for it in russian if "{" in it}
