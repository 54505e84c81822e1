"""Rules in a browser: their list, their order, and the form in which a condition is built."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from html import unescape
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.domain.setup import Condition, Field, Rule, Setup
from callrouter.flows import tuning
from callrouter.flows.tuning import new_draft
from callrouter.pages import condition_form as form
from callrouter.pages import rules
from callrouter.pages.ladders import written_item
from callrouter.sample import sample_setup
from callrouter.setup_file import check
from callrouter.setup_file.conditions import OPS, check_condition, kind_of, known_values
from callrouter.setup_file.editing import put_item
from callrouter.wording import speak
from callrouter.wording.conditions import condition_text
from callrouter.wording.people import Voice
from storage import drafts, setups
from tests.api.rows import add_contact
from tests.pages.coming_in import let_in
from tests.pages.conftest import Seen, Site

SAMPLE = replace(sample_setup(lambda _account: "env:PBX_SECRET"), version=0)
C = Condition
FIELDS: tuple[Field, ...] = get_args(Field)
VOICE = Voice(speak("ru"), SAMPLE)


def P(kind: Any, *parts: form.Part) -> form.Part:  # noqa: N802
    return form.Part(kind, parts=parts)


VIP, AWAKE = "VIP: сразу руководителю", "Дважды не дозвонился: звоним всем"


async def in_force(site: Site, setup: Setup = SAMPLE) -> Setup:
    """Put a setup in force in the base, and in the server's memory."""
    made = await site.service.database.write(setups.publish, setup, by="apply", now=site.clock())
    site.setups.current = made
    return made


async def now_in_force(site: Site) -> Setup:
    def load(conn: Any) -> Setup:
        return setups.load(conn, setups.current_version(conn))

    site.setups.current = await site.service.database.read(load)
    return site.setups.current


async def draft_of(site: Site) -> str:
    return str(
        await site.service.database.write(new_draft, "Весна", by="manager:vera", now=site.clock())
    )


async def post(site: Site, path: str, fields: Any) -> Seen:
    return await site.ask("POST", path, data=fields, headers={"Origin": site.url})


def sent_by(page: str, **instead: str) -> list[tuple[str, str]]:
    """What a browser would send of the page's form, some fields with another value."""
    body = page[page.index('id="builder"') :]
    body = body[: body.index("</form>")]
    found: list[tuple[str, str]] = []
    control = r"<(input|textarea|select)\b([^>]*)>(.*?</\1>)?"
    for kind, attributes, inner in re.findall(
        control, re.sub(r"</?option[^>]*>", _marked, body), re.DOTALL
    ):
        name = re.search(r'name="([^"]*)"', attributes)
        if not name:
            continue
        value = re.search(r'value="([^"]*)"', attributes)
        text = value[1] if value else ""
        if kind == "textarea":
            text = inner.removesuffix("</textarea>").removeprefix("\n")
        elif kind == "select":
            chosen = re.search(r"\[\[([^\]]*)\]\]\*", inner) or re.search(
                r"\[\[([^\]]*)\]\]", inner
            )
            text = chosen[1] if chosen else ""
        elif 'type="checkbox"' in attributes:
            if "checked" not in attributes:
                continue
            text = "on"
        found.append((unescape(name[1]), unescape(text)))
    return [(name, instead.get(name, value)) for name, value in found]


def _marked(option: re.Match[str]) -> str:
    value = re.search(r'value="([^"]*)"', option[0])
    return f"[[{value[1]}]]{'*' if ' selected' in option[0] else ''}" if value else ""


# A condition and its form are the same thing


def _values(field: Field, op: str) -> st.SearchStrategy[Any]:
    known = known_values(SAMPLE)
    texts = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)
    each: st.SearchStrategy[Any] = texts
    match kind_of(field):
        case "flag":
            return st.booleans()
        case "number":
            each = st.integers(-5, 10**12)
        case _ if op == "within":
            return st.sampled_from(["Mo-Fr 09:00-18:00; PH off", "пн 22:00-06:00", "24/7"])
        case _ if field in known and op != "starts":
            each = st.sampled_from(sorted(known[field]))
        case _ if field == "caller.number":
            each = st.sampled_from(["+79160000001", "112", "anonymous", "+7916"])
    return st.lists(each, min_size=1, max_size=4).map(tuple) if op == "in" else each


def _comparisons() -> st.SearchStrategy[Condition]:
    pairs = [(field, op) for field in FIELDS for op in OPS[kind_of(field)]]
    return st.sampled_from(pairs).flatmap(
        lambda pair: _values(*pair).map(lambda value: C(field=pair[0], op=pair[1], value=value))
    )


def _nested(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        several.map(lambda parts: C(all=parts)),
        several.map(lambda parts: C(any=parts)),
        inner.map(lambda part: C(not_=part)),
    )


CONDITIONS = st.recursive(_comparisons(), _nested, max_leaves=8).filter(
    lambda when: not list(check_condition(SAMPLE, when, ""))
)


@settings(max_examples=80, deadline=None)
@given(CONDITIONS)
def test_every_condition_comes_back_from_its_form_as_it_was(when: Condition) -> None:
    whole = form.part_of(when)
    read = form.read_part(list(form.fields_of(whole)))
    built = form.build(form.tidied(read, form.values_in(whole)), SAMPLE, VOICE)
    assert built.wrong == {}
    assert built.when == when
    written = written_item(SAMPLE, "rule", Rule("x", when, "vip"))
    assert put_item(SAMPLE, "rule", written, key=None).rule[-1].when == when


ODD = st.sampled_from(
    ["", "vip", " ", "x\n y", "1", "yes", "+7 916 000-00-01", "8916", "Mo-Xx", "\x00"]
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_what_apply_would_refuse_is_told_beside_its_row(data: st.DataObject) -> None:
    rows = st.builds(
        lambda field, op, values: form.Part("row", field, op, tuple(values), was=field),
        st.sampled_from(["", *FIELDS]),
        st.sampled_from(["", "is", "in", "starts", "within", "above", "has"]),
        st.lists(ODD, min_size=1, max_size=3),
    )
    groups = st.recursive(
        rows,
        lambda inner: st.builds(
            lambda kind, parts: form.Part(kind, parts=tuple(parts)),
            st.sampled_from(["all", "any", "not"]),
            st.lists(inner, max_size=2),
        ),
        max_leaves=6,
    )
    whole = form.read_part(list(form.fields_of(data.draw(groups))))
    built = form.build(form.tidied(whole, frozenset()), SAMPLE, VOICE)
    shown = dict(_addresses(form.shown(whole, VOICE, built.wrong, ())))
    assert {at: said for at, said in shown.items() if said} == built.wrong
    if built.when is None:
        assert built.wrong
        assert all(re.search("[а-яё]", said) for said in built.wrong.values())  # in his language
    else:
        written = written_item(SAMPLE, "rule", Rule("x", built.when, "vip"))
        assert check(put_item(SAMPLE, "rule", written, key=None)) == ()


def _addresses(one: form.Shown) -> Any:
    yield one.at, one.wrong
    for below in one.parts:
        yield from _addresses(below)


def test_a_comparison_too_deep_is_told() -> None:
    when = C(field="holiday", op="is", value=True)
    for _ in range(11):
        when = C(not_=when)
    whole = form.part_of(when)
    built = form.build(form.read_part(list(form.fields_of(whole))), SAMPLE, VOICE)
    assert list(built.wrong.values()) == ["Слишком глубоко: не больше 10 уровней."]


def test_more_conditions_than_a_rule_may_have_are_refused_and_none_is_lost() -> None:
    row = form.Part("row", "contact.tag", "has", ("vip",), was="contact.tag")
    many = form.Part("any", parts=(row,) * (form.MOST_PARTS + 4))
    assert form.read_part(list(form.fields_of(many))) == many
    built = form.build(many, SAMPLE, VOICE)
    assert built.when is None
    said = f"Условий в правиле {form.MOST_PARTS + 5}. Можно не больше {form.MOST_PARTS}."
    assert built.wrong == {"": said}
    assert form.act(many, "remove:.1003").parts == many.parts[:-1]
    values = tuple(f"v{n}" for n in range(form.MOST_VALUES + 1))
    long = replace(row, op="in", values=values)
    assert form.read_part(list(form.fields_of(long))) == long
    told = form.build(long, SAMPLE, VOICE).wrong
    assert told == {"": f"Значений {len(values)}. Можно не больше {form.MOST_VALUES}."}


A, B, D = (form.Part("row", "contact.tag", "has", (tag,), was="contact.tag") for tag in "abd")
ROW = form.ROW


@pytest.mark.parametrize(
    ("whole", "does", "then"),
    [
        pytest.param(P("all", A), "add:", P("all", A, ROW), id="a row more"),
        pytest.param(P("all", A), "group:", P("all", A, P("any", ROW, ROW)), id="a group in it"),
        pytest.param(P("all", A, P("any", B)), "add:.1", P("all", A, P("any", B, ROW)), id="below"),
        pytest.param(P("all", A, B), "down:.0", P("all", B, A), id="down"),
        pytest.param(P("all", A, B), "up:.0", P("all", A, B), id="no further up"),
        pytest.param(P("all", A, B), "remove:.0", P("all", B), id="away"),
        pytest.param(P("all", A, P("not", B)), "remove:.1.0", P("all", A), id="with its not"),
        pytest.param(A, "remove:", P("all"), id="the last one"),
        pytest.param(A, "and:", P("all", A, ROW), id="and also"),
        pytest.param(A, "or:", P("any", A, ROW), id="or"),
        pytest.param(P("not", A), "or:.0", P("not", P("any", A, ROW)), id="or in a not"),
        pytest.param(P("all", A, B), "not:.1", P("all", A, P("not", B)), id="not"),
        pytest.param(P("all", P("not", A), B), "unwrap:.0", P("all", A, B), id="no not any more"),
        pytest.param(P("not", P("all", A, B)), "unwrap:", P("all", A, B), id="whole without not"),
        pytest.param(P("all", A), "remove:.7", P("all", A), id="what is not there"),
        pytest.param(P("all", A), "rm -rf:.0", P("all", A), id="what is no button"),
    ],
)
def test_what_the_buttons_do(whole: form.Part, does: str, then: form.Part) -> None:
    assert form.act(whole, does) == then


def test_another_field_takes_its_own_comparisons_and_no_old_value() -> None:
    pairs = [("c:kind", "row"), ("c:field", "holiday"), ("c:was", "line")]
    read = form.read_part([*pairs, ("c:op", "starts"), ("c:value", "+7495")])
    assert read == form.Part("row", "holiday", "is", ("",), was="holiday")


# In words

SAID = [
    (C(field="contact.tag", op="has", value="vip"), "у клиента есть метка «vip»"),
    (
        C(field="contact.tag", op="in", value=("a", "b", "c")),
        "у клиента есть метка «a», «b» или «c»",
    ),
    (C(field="line", op="is", value="+74950000101"), "номер компании: Сайт, Москва"),
    (C(field="caller.country", op="is_not", value="KZ"), "страна звонящего: не Казахстан"),
    (C(field="caller.kind", op="is", value="withheld"), "вид номера звонящего: номер скрыт"),
    (C(field="contact.known", op="is_not", value=True), "звонит кто-то незнакомый"),
    (C(field="hours", op="is_not", value="open"), "сейчас нерабочее время"),
    (C(field="hours", op="within", value="Mo-Fr 18:00-21:00"), "время звонка: Пн-Пт 18:00-21:00"),
    (C(field="card.status", op="is", value="junk"), "этап открытой сделки: Не сделка"),
    (
        C(
            any=(
                C(
                    all=(
                        C(field="missed_today", op="above", value=1),
                        C(field="holiday", op="is", value=False),
                    )
                ),
                C(not_=C(field="contact.manager", op="is", value="anna")),
            )
        ),
        (
            "(пропущенных звонков сегодня больше 1 и сегодня не праздник) или "
            "не (ответственный менеджер: Анна Смирнова)"
        ),
    ),
]


@pytest.mark.parametrize(("when", "said"), SAID, ids=[said for _, said in SAID])
def test_a_condition_in_words(when: Condition, said: str) -> None:
    assert condition_text(VOICE, when) == said


# On the page


async def test_rules_are_told_in_their_order_and_what_never_applies_says_so(site: Site) -> None:
    late = Rule("Поздно", C(field="contact.tag", op="in", value=("vip",)), "everybody")
    await in_force(site, replace(SAMPLE, rule=(*SAMPLE.rule, late)))
    page = await site.get("/setup/rules")
    text = words_of(page.text)
    assert "У клиента есть метка «vip» → порядок «vip»" in text
    assert text.index(VIP) < text.index(AWAKE) < text.index("Поздно")
    assert f"Никогда не сработает: выше стоит «{VIP}» и забирает все его звонки." in text
    assert "Сервис, Екатеринбург порядок «service» в нерабочее время: порядок «night»" in text
    assert "Работать в черновике" in text


async def test_a_rule_is_built_without_a_script_tried_on_a_draft_and_published(site: Site) -> None:
    await site.service.database.write(add_contact_with_tag)
    await in_force(site)
    id_ = await draft_of(site)
    form_at = f"/setup/rules/form?draft={id_}"
    page = await site.get(f"/setup/rules/new?draft={id_}")
    fields = [*sent_by(page.text, **{"c.0:field": "contact.tag"}), ("do", "look")]
    page = await post(site, form_at, fields)
    assert '<option value="оптовик">' in page.text  # tags that occur are offered
    page = await post(site, form_at, [*sent_by(page.text), ("do", "add:")])
    page = await post(site, form_at, [*sent_by(page.text, **{"c.1:field": "line"}), ("do", "look")])
    page = await post(site, form_at, [*sent_by(page.text), ("do", "save")])
    assert page.status == 422
    wrong = re.findall(r'data-said="([^"]+)" role="alert">([^<]+)<', page.text)
    assert wrong == [
        ("name", "Назовите правило."),
        ("c.0", "Впишите значение."),
        ("c.1", "Выберите значение."),
        ("ladder", "Выберите порядок дозвона."),
    ]
    filled = {
        "name": "Опт с сайта",
        "c.0:value": " оптовик ",
        "c.1:value": "+74950000101",
        "ladder": "shop",
        "before": VIP,
    }
    page = await post(site, form_at, [*sent_by(page.text, **filled), ("do", "look")])
    assert "Если у клиента есть метка «оптовик» и номер компании: Сайт, Москва:" in words_of(
        page.text
    )
    page = await post(site, form_at, [*sent_by(page.text), ("do", "save")])
    assert page.status == 303
    assert page.headers["Location"] == f"/setup/rules?draft={id_}"
    draft = await site.service.database.read(drafts.find, id_)
    assert draft
    assert draft.setup.rule[0] == Rule(
        "Опт с сайта",
        C(
            all=(
                C(field="contact.tag", op="has", value="оптовик"),
                C(field="line", op="is", value="+74950000101"),
            )
        ),
        "shop",
    )
    assert len((await now_in_force(site)).rule) == 2  # nothing of it is in force
    page = await site.get(f"/setup/rules?draft={id_}")
    assert f"/what-if?draft={id_}" in page.text
    assert f"/what-if/replay?draft={id_}" in page.text


async def test_a_rule_opened_and_saved_stays_as_it_was(site: Site) -> None:
    odd = C(
        any=(
            C(field="contact.tag", op="in", value=(" опт", "vip", "vip")),
            C(not_=C(all=(C(field="caller.number", op="starts", value="+7"),))),
            C(field="missed_today", op="in", value=(3, 1)),
            C(field="line", op="in", value=("trunk-site", "Сайт, Москва")),
            C(field="contact.known", op="is_not", value=False),
            C(field="hours", op="within", value="24/7"),
            C(field="caller.country", op="is", value="AX"),
        )
    )
    before = await in_force(site, replace(SAMPLE, rule=(Rule("Всё", odd, "vip"), *SAMPLE.rule)))
    page = await site.get("/setup/rules/edit", params={"rule": "Всё"})
    page = await post(site, "/setup/rules/form", [*sent_by(page.text), ("do", "look")])
    page = await post(
        site, "/setup/rules/form", [*sent_by(page.text, name="Иначе"), ("do", "save")]
    )
    assert page.status == 303
    after = await now_in_force(site)
    assert after.rule[0] == Rule("Иначе", odd, "vip")
    assert after.version == before.version + 1
    assert replace(after, rule=before.rule, version=before.version) == before


async def test_who_was_slower_hears_it_and_loses_nothing(site: Site) -> None:
    await in_force(site)
    edit = {"rule": VIP}
    mine = await site.get("/setup/rules/edit", params=edit)
    theirs = await site.get("/setup/rules/edit", params=edit)
    save = ("do", "save")
    await post(site, "/setup/rules/form", [*sent_by(theirs.text, ladder="shop"), save])
    await now_in_force(site)
    late = await post(site, "/setup/rules/form", [*sent_by(mine.text, ladder="service"), save])
    assert late.status == 409
    assert "Тем временем это уже изменили" in late.text
    assert ("ladder", "service") in sent_by(late.text)
    assert (await now_in_force(site)).rule[0].ladder == "shop"
    again = await post(site, "/setup/rules/form", [*sent_by(late.text), save])
    assert again.status == 303
    assert (await now_in_force(site)).rule[0].ladder == "service"


async def test_the_order_is_changed_and_a_rule_removed(site: Site) -> None:
    third = Rule("Третье", C(field="holiday", op="is", value=True), "shop")
    await in_force(site, replace(SAMPLE, rule=(*SAMPLE.rule, third)))

    async def names() -> list[str]:
        return [one.name for one in (await now_in_force(site)).rule]

    move = "/setup/rules/move"
    assert (await post(site, move, {"rule": AWAKE, "do": "up"})).status == 303
    page = words_of(
        (await site.get("/setup/rules")).text
    )  # at once, whatever the server has in mind
    assert page.index(AWAKE) < page.index(VIP) < page.index("Третье")
    assert await names() == [AWAKE, VIP, "Третье"]
    assert (await post(site, move, {"rule": AWAKE, "before": ""})).status == 303
    assert await names() == [VIP, "Третье", AWAKE]
    assert (await post(site, move, {"rule": "Третье", "before": VIP})).status == 303
    assert await names() == ["Третье", VIP, AWAKE]
    gone = await post(site, move, {"rule": "Третье", "before": "нет такого"})
    assert gone.status == 409
    assert (await post(site, "/setup/rules/remove", {"rule": VIP})).status == 303
    assert await names() == ["Третье", AWAKE]


async def test_a_name_is_taken_once(site: Site) -> None:
    await in_force(site)
    page = await site.get("/setup/rules/edit", params={"rule": VIP})
    page = await post(site, "/setup/rules/form", [*sent_by(page.text, name=AWAKE), ("do", "save")])
    assert page.status == 422
    assert "Это имя уже занято." in page.text
    assert [one.name for one in (await now_in_force(site)).rule] == [VIP, AWAKE]


async def test_who_may_only_look_sees_the_form_and_cannot_change_it(site: Site) -> None:
    await in_force(site)
    await let_in(site, "vera", "head")
    page = await site.get("/setup/rules/edit", params={"rule": VIP})
    assert '<fieldset class="whole" disabled>' in page.text
    assert 'name="do" value="save"' not in page.text
    assert "/setup/rules/remove" not in (await site.get("/setup/rules")).text
    for path in ("form", "move", "remove"):
        assert (await post(site, f"/setup/rules/{path}", {"rule": VIP})).status == 403


def add_contact_with_tag(conn: Any) -> None:
    add_contact(conn, tags=("оптовик",))


def words_of(page: str) -> str:
    """What one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split()).replace("\u00a0", " ")


async def test_a_wrong_rule_of_a_draft_can_be_opened_and_mended(site: Site) -> None:
    wrong = C(all=(C(field="contact.tag", op="above", value="vip"), C(field="holiday", op="is")))
    draft = replace(SAMPLE, rule=(Rule("Криво", wrong, "vip"), *SAMPLE.rule))
    await in_force(site, SAMPLE)
    write, now = site.service.database.write, site.clock()
    id_ = await write(tuning.new_draft, "Проба", by="test", now=now)
    await write(tuning.edit, lambda _: draft, seal=site.service.seal, by="test", now=now, draft=id_)
    assert (await site.get(f"/setup/rules?draft={id_}")).status == 200
    page = await site.get("/setup/rules/edit", params={"rule": "Криво", "draft": id_})
    assert page.status == 200
    looked = await post(
        site, f"/setup/rules/form?draft={id_}", [*sent_by(page.text), ("do", "look")]
    )
    assert looked.status == 200
    built = form.build(form.part_of(wrong), SAMPLE, VOICE)
    assert built.wrong == {".0": "Выберите, как сравнивать.", ".1": "Выберите значение."}


async def test_one_look_runs_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0

    def look(*_: Any) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.05)
        running -= 1
        return ""

    await in_force(site)
    page = await site.get("/setup/rules/edit", params={"rule": VIP})
    monkeypatch.setattr(rules, "_never", look)
    pairs = [*sent_by(page.text), ("do", "look")]
    await asyncio.gather(*(post(site, "/setup/rules/form", pairs) for _ in range(4)))
    assert most == 1
