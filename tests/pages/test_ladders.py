"""Ladders in a browser: each told in words, and the form in which its steps are built."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.domain.setup import (
    DEFAULT_LADDER,
    Ladder,
    Setup,
    Step,
    Strategy,
    WhenBusy,
)
from callrouter.pages import ladder_form as form
from callrouter.pages.ladder_form import StepFields
from callrouter.pages.ladders import rows_of
from callrouter.setup_file import check
from callrouter.wording import speak
from callrouter.wording.ladders import ladder_text, longest_text
from callrouter.wording.people import Voice
from tests.pages.coming_in import let_in
from tests.pages.conftest import Site
from tests.pages.test_rules import SAMPLE, VIP, in_force, now_in_force, post, sent_by, words_of

VOICE = Voice(speak("ru"), SAMPLE)
SAVE, LOOK = ("do", "save"), ("do", "look")
FORM = "/setup/ladders/form"


def build(steps: form.Steps, setup: Setup = SAMPLE) -> form.Built:
    return form.build(steps, "x", setup, Voice(speak("ru"), setup))


# A ladder and its form are the same thing


def _ringing(ring: Strategy) -> st.SearchStrategy[Step]:
    alone = ring in ("responsible", "manager")
    keys = st.lists(st.sampled_from(sorted(SAMPLE.managers)), max_size=3, unique=True).map(tuple)
    whom: dict[str, st.SearchStrategy[Any]] = {"managers": keys}
    if alone:
        one = st.sampled_from(sorted(SAMPLE.managers)).map(lambda key: (key,))
        whom["managers"] = one if ring == "manager" else st.just(())
    else:
        whom["team"] = st.sampled_from([None, "sales", "shop"])
        whom["office"] = st.sampled_from([None, "line", "msk"])
        whom["count"] = st.sampled_from([None, 1, 7, 100])
    made = st.builds(
        lambda busy, wait, **given: Step(
            ring=ring, busy=busy, wait=wait if busy == "wait" else 60, **given
        ),
        st.sampled_from(get_args(WhenBusy)),
        st.integers(1, 3600),
        seconds=st.integers(1, 600),
        skill=st.sampled_from([None, "en"]),
        **whom,
    )
    return made.filter(lambda step: ring != "in_order" or bool(step.managers or step.team))


MESSAGE = st.builds(
    lambda record, max_s, **said: Step(record=record, max_s=max_s if record else 120, **said),
    st.booleans(),
    st.integers(1, 3600),
    say=st.sampled_from(["Перезвоним", "«Завтра», с 9"]),
) | st.builds(Step, play=st.sampled_from(["night.wav", "sounds/closed"]))
RINGING = st.sampled_from(get_args(Strategy)).flatmap(_ringing)
LADDERS = st.builds(
    lambda rings, ends: Ladder("x", (*rings, *ends)),
    st.lists(RINGING, max_size=4),
    st.lists(MESSAGE, max_size=1),
).filter(lambda ladder: bool(ladder.step))


@settings(max_examples=40, deadline=None)
@given(LADDERS)
def test_every_ladder_comes_back_from_its_form_as_it_was(ladder: Ladder) -> None:
    read = form.read_steps(list(form.pairs_of(form.steps_of(ladder))))
    built = build(read)
    assert built.wrong == {}
    assert built.ladder == ladder
    assert ladder_text(VOICE, ladder)


ODD = st.sampled_from(["", "0", "20", "9999", "много", "sales", "нет", "\x00", "x" * 1001])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            StepFields,
            what=st.sampled_from([*get_args(Strategy), "say", "play"]),
            seconds=ODD,
            team=ODD,
            office=ODD,
            skill=ODD,
            managers=st.lists(st.sampled_from(["", "anna", "anna", "нет"]), max_size=3).map(tuple),
            count=ODD,
            busy=st.sampled_from(get_args(WhenBusy)),
            wait=ODD,
            say=ODD,
            play=ODD,
            record=st.booleans(),
            max_s=ODD,
        ),
        max_size=3,
    ).map(tuple)
)
def test_what_apply_would_refuse_is_told_beside_its_step(steps: form.Steps) -> None:
    built = build(form.read_steps(list(form.pairs_of(steps))))
    others = tuple(one for one in SAMPLE.ladder if one.key != "x")
    problems = check(replace(SAMPLE, ladder=(*others, built.ladder)))
    if not built.wrong:
        assert problems == ()
    for place, said in built.wrong.items():
        assert re.fullmatch(r"|\d:(|\w+)", place), place
        assert re.search("[а-яё]", said), said  # in the reader's language


RESPONSIBLE, TEAM, END = (
    StepFields("responsible"),
    StepFields("all", team="sales"),
    StepFields("say"),
)


@pytest.mark.parametrize(
    ("steps", "does", "then"),
    [
        pytest.param((TEAM,), "add", (TEAM, StepFields()), id="a step more"),
        pytest.param((TEAM, END), "add", (TEAM, StepFields(), END), id="before the message"),
        pytest.param((TEAM,), "message", (TEAM, END), id="a message at the end"),
        pytest.param((TEAM, END), "message", (TEAM, END), id="one message is enough"),
        pytest.param((RESPONSIBLE, TEAM), "down:0", (TEAM, RESPONSIBLE), id="down"),
        pytest.param((RESPONSIBLE, TEAM), "up:0", (RESPONSIBLE, TEAM), id="no further up"),
        pytest.param((RESPONSIBLE, TEAM), "remove:0", (TEAM,), id="away"),
        pytest.param((TEAM,), "manager:0", (replace(TEAM, managers=("",)),), id="a manager more"),
        pytest.param(
            (replace(TEAM, managers=("a", "b")),),
            "earlier:0:1",
            (replace(TEAM, managers=("b", "a")),),
            id="a manager earlier",
        ),
        pytest.param((TEAM,), "remove:5", (TEAM,), id="what is not there"),
        pytest.param((TEAM,), "drop table", (TEAM,), id="what is no button"),
    ],
)
def test_what_the_buttons_do(steps: form.Steps, does: str, then: form.Steps) -> None:
    assert form.act(steps, does) == then


# In words


def test_ladders_in_words() -> None:
    told = {one.key: ladder_text(VOICE, one) for one in (*SAMPLE.ladder, DEFAULT_LADDER)}
    assert told["sales"] == (
        "ответственный, 20 с → наименее загруженный: отдел «Продажи», 2 попытки по 20 с; "
        "если свободных нет, клиент ждёт до 3 мин → все сразу: отдел «Продажи», 25 с → "
        "запасной номер"
    )
    assert told["night"] == (
        "клиент слышит: «Мы перезвоним завтра с девяти» и может оставить сообщение до 2 мин"
    )
    assert told[""].startswith("ответственный, 20 с → наименее загруженный: все, 2 попытки по 20 с")
    english = Voice(speak("en"), SAMPLE)
    assert ladder_text(english, SAMPLE.ladders["vip"]) == (
        "Вера Котова, 20 s → in the order of the list: Анна Смирнова, Глеб Лебедев, Борис Орлов, "
        "2 tries of 15 s → last resort"
    )
    longest = longest_text(speak("ru"), SAMPLE.ladders["sales"])
    assert longest == "До запасного номера клиент ждёт не дольше 4 мин 25 с."


# On the page


async def test_each_ladder_says_who_uses_it_and_what_to_think_of(site: Site) -> None:
    gone = tuple(
        replace(one, active=False, team=None) if one.key == "boris" else one
        for one in SAMPLE.manager
    )
    lonely = Ladder("lonely", (Step(ring="least_loaded", skill="китайский"),))
    await in_force(site, replace(SAMPLE, manager=gone, ladder=(*SAMPLE.ladder, lonely)))
    page = await site.get("/setup/ladders")
    told = {
        key: words_of(text)
        for key, text in re.findall(
            r'id="ladder-(\w*)">(.*?)</li>\s*(?=<li class="panel|</ul>)', page.text, re.DOTALL
        )
    }
    assert "Номера: Сайт, Москва" in told["sales"]
    assert f"Правила: {VIP}" in told["vip"]
    assert "Шаг 2: Борис Орлов здесь больше не работает." in told["vip"]
    assert "В нерабочее время: Сервис, Екатеринбург" in told["night"]
    assert "Шаг 1: Умения «китайский» нет ни у кого." in told["lonely"]
    assert "Пока никем не используется." in told["lonely"]
    assert "для номеров без своего" in told[""]


async def test_a_ladder_is_built_without_a_script_and_put_in_force(site: Site) -> None:
    await in_force(site)
    page = await site.get("/setup/ladders/new")
    assert "Дайте короткое имя" not in page.text
    page = await post(site, FORM, [*sent_by(page.text), ("do", "message")])
    page = await post(site, FORM, [*sent_by(page.text), SAVE])
    assert page.status == 422
    wrong = re.findall(r'data-said="([^"]*)" role="alert">([^<]+)<', page.text)
    assert wrong == [("key", "Дайте короткое имя."), ("2:say", "Это нужно заполнить.")]
    filled = {
        "key": "evening",
        "s.1:team": "sales",
        "s.1:seconds": "45",
        "s.1:busy": "wait",
        "s.2:say": "Перезвоним\nутром",
    }
    page = await post(site, FORM, [*sent_by(page.text, **filled), LOOK])
    read = words_of(page.text)
    assert "отдел «Продажи», 2 попытки по 45 с; если свободных нет, клиент ждёт до 1 мин" in read
    assert "До сообщения клиент ждёт не дольше 2 мин 50 с." in read
    page = await post(site, FORM, [*sent_by(page.text), SAVE])
    assert page.status == 303
    assert page.headers["Location"] == "/setup/ladders#ladder-evening"
    assert (await now_in_force(site)).ladders["evening"].step == (
        Step(ring="responsible"),
        Step(ring="least_loaded", team="sales", count=2, seconds=45, busy="wait"),
        Step(say="Перезвоним утром"),
    )


async def test_a_ladder_opened_and_saved_stays_as_it_was(site: Site) -> None:
    before = await in_force(site)
    for key in before.ladders:
        page = await site.get(f"/setup/ladders/edit?key={key}")
        page = await post(site, FORM, [*sent_by(page.text), LOOK])
        page = await post(site, FORM, [*sent_by(page.text), SAVE])
        assert page.status == 303, key
    assert await now_in_force(site) == before  # no version was made either


async def test_what_is_used_is_not_removed_and_what_is_free_is(site: Site) -> None:
    free = Ladder("free", (Step(ring="all"),))
    await in_force(site, replace(SAMPLE, ladder=(*SAMPLE.ladder, free)))
    for key in ("vip", "night", "sales"):
        refused = await post(site, "/setup/ladders/remove", {"key": key})
        assert refused.status == 409
        assert f"Порядок «{key}» ещё используется" in refused.text
    assert (await post(site, "/setup/ladders/remove", {"key": "free"})).status == 303
    assert set((await now_in_force(site)).ladders) == set(SAMPLE.ladders)
    assert (await post(site, "/setup/ladders/remove", {"key": "free"})).status == 404


def test_that_a_pbx_holds_no_callers_is_said_at_the_ladder_that_waits() -> None:
    patient = Ladder("patient", (Step(ring="all"), Step(ring="all", busy="wait")))
    setup = replace(
        SAMPLE,
        account=tuple(replace(one, provider="zadarma") for one in SAMPLE.account),
        ladder=(*SAMPLE.ladder, patient),
        rule=tuple(replace(one, ladder="patient") for one in SAMPLE.rule),
    )
    assert check(setup) == ()
    said = {
        row.ladder.key: [one for one in row.remarks if "не умеет держать" in one]
        for row in rows_of(Voice(speak("ru"), setup))
    }
    waiting = [one.key for one in setup.ladder if any(it.busy == "wait" for it in one.step)]
    assert [key for key, remarks in said.items() if remarks] == waiting
    assert len(said["patient"]) == len(SAMPLE.account)
    for one, account in zip(said["patient"], SAMPLE.account, strict=True):
        assert one.startswith(f"Шаг 2: АТС «{account.key}»")


async def test_who_was_slower_hears_it_and_a_new_name_is_taken_once(site: Site) -> None:
    await in_force(site)
    mine = await site.get("/setup/ladders/edit?key=shop")
    theirs = await site.get("/setup/ladders/edit?key=shop")
    await post(site, FORM, [*sent_by(theirs.text, **{"s.1:seconds": "30"}), SAVE])
    await now_in_force(site)
    late = await post(site, FORM, [*sent_by(mine.text, **{"s.1:seconds": "50"}), SAVE])
    assert late.status == 409
    assert ("s.1:seconds", "50") in sent_by(late.text)
    assert (await now_in_force(site)).ladders["shop"].step[1].seconds == 30
    page = await site.get("/setup/ladders/new?copy=shop")
    taken = await post(site, FORM, [*sent_by(page.text, key="vip"), SAVE])
    assert taken.status == 409
    assert "Это имя уже занято." in taken.text


async def test_who_may_only_look_sees_the_steps_and_cannot_change_them(site: Site) -> None:
    await in_force(site)
    await let_in(site, "vera", "head")
    page = await site.get("/setup/ladders/edit?key=sales")
    assert '<fieldset class="whole" disabled>' in page.text
    assert 'value="save"' not in page.text
    assert (await site.get("/setup/ladders")).status == 200
    for path in (FORM, "/setup/ladders/remove"):
        assert (await post(site, path, {"key": "sales"})).status == 403


async def test_more_steps_than_a_ladder_may_have_are_refused_and_none_is_lost(site: Site) -> None:
    many = tuple(form.StepFields("least_loaded", str(n + 5)) for n in range(form.MOST_STEPS + 2))
    assert form.read_steps(list(form.pairs_of(many))) == many
    before = await in_force(site)
    pairs = [("key", "long"), ("do", "save"), *form.pairs_of(many)]
    page = await post(site, "/setup/ladders/form", pairs)
    assert page.status == 422
    assert "Можно не больше 50 шагов." in page.text
    assert f'name="s.{form.MOST_STEPS + 1}:what"' in page.text
    assert await now_in_force(site) == before
