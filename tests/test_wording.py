"""Everything people read is said in both languages, whole and right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import callrouter
import templates
from callrouter.domain import calls, events, obligations, people, phones, setup, why
from callrouter.domain.calls import Leg
from callrouter.domain.obligations import WhyMissed
from callrouter.domain.people import Ranked
from callrouter.domain.why import Place, Responsible, Why
from callrouter.wording import LANGUAGES, codes, speak, why_details, why_lines, why_text
from callrouter.wording.catalogue import LOCALE
from callrouter.wording.formats import length
from callrouter.wording.obligations import CAUSES, why_owed
from tests.wording_examples import (
    ANNA,
    BORIS,
    GLEB,
    LINE,
    SETUP,
    STRANGER,
    TO_ALL,
    TO_ANNA,
    TO_VERA,
    VERA,
    WHY,
    leg,
    talk,
    unbegun,
)

HOUR = timedelta(hours=1)
KEYWORDS = {"mark": None, "words": None, "many": (1, 2), "t": None, "tn": (1, 2)}

Msgid = str | tuple[str, ...]


def said_in_the_code() -> set[Msgid]:
    """Every message that the code and the page templates say."""
    rooms = ("wording/**.py", "pages/**.py", "first_*.py")
    python = [(room, "python") for room in rooms]
    pages = [("pages/**.html", "jinja2.ext:babel_extract")]
    code, html = Path(callrouter.__file__).parent, Path(templates.__file__).parent
    found = [
        *extract_from_dir(code, method_map=python, keywords=KEYWORDS),
        *extract_from_dir(html, method_map=pages, keywords=KEYWORDS),
    ]
    return {message[2] for message in found}


def translations(language: str) -> dict[Msgid, Message]:
    with (LOCALE / language / "LC_MESSAGES" / "callrouter.po").open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    return {_id(message): message for message in catalogue if message.id}


def _id(message: Message) -> Msgid:
    return message.id if isinstance(message.id, str) else tuple(message.id)


def forms(texts: str | Sequence[str] | None) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts or ())


def test_every_message_is_translated_and_no_translation_is_stale() -> None:
    assert set(translations("ru")) == said_in_the_code()


def test_every_translation_is_there_in_each_plural_form_with_the_same_values() -> None:
    for msgid, message in translations("ru").items():
        texts = forms(message.string)
        assert all(texts), msgid
        assert len(texts) == (1 if isinstance(msgid, str) else 3), msgid
        wanted = set(re.findall(r"{\w+}", forms(msgid)[-1]))
        assert all(set(re.findall(r"{\w+}", text)) == wanted for text in texts), msgid
        assert not message.fuzzy, msgid


@pytest.mark.parametrize(
    ("literal", "table"),
    [
        pytest.param(why.Passed, codes.PASSED, id="passed over"),
        pytest.param(why.Cut, codes.CUTS, id="cut"),
        pytest.param(why.ToldBy, codes.TOLD_BY, id="told by"),
        pytest.param(setup.Strategy, codes.STRATEGIES, id="strategies"),
        pytest.param(setup.ResponsibleSource, codes.RESPONSIBLE, id="responsible by"),
        pytest.param(people.PersonReason, codes.PERSON_REASONS, id="people of a number"),
        pytest.param(phones.CallerKind, codes.CALLERS, id="callers"),
        pytest.param(calls.State, codes.STATES, id="states of a call"),
        pytest.param(calls.LegStatus, codes.LEGS, id="states of a leg"),
        pytest.param(events.Reason, codes.REASONS, id="reasons of a leg"),
        pytest.param(events.Direction, codes.DIRECTIONS, id="directions"),
        pytest.param(events.EventKind, codes.EVENTS, id="events"),
        pytest.param(obligations.Cause, CAUSES, id="why a call back is owed"),
    ],
)
def test_every_code_has_its_words_in_both_languages(literal: Any, table: Mapping[str, str]) -> None:
    assert set(table) == set(get_args(literal))
    for language in LANGUAGES:
        said = [speak(language)(message) for message in table.values()]
        assert all(said)
        cyrillic = [bool(re.search("[а-яё]", text, re.IGNORECASE)) for text in said]
        assert all(cyrillic) if language == "ru" else not any(cyrillic)


@pytest.mark.parametrize(
    ("n", "russian", "english"),
    [
        (1, "1 день", "1 day"),
        (3, "3 дня", "3 days"),
        (5, "5 дней", "5 days"),
        (11, "11 дней", "11 days"),
        (21, "21 день", "21 days"),
        (112, "112 дней", "112 days"),
    ],
)
def test_plural_forms(n: int, russian: str, english: str) -> None:
    assert speak("ru").many("{n} day", "{n} days", n) == russian
    assert speak("en").many("{n} day", "{n} days", n) == english


@pytest.mark.parametrize(
    ("seconds", "russian", "english"),
    [
        (7.4, "7 с", "7 s"),
        (120, "2 мин", "2 min"),
        (134, "2 мин 14 с", "2 min 14 s"),
        (3900, "1 ч 5 мин", "1 h 5 min"),
        (86400 * 2, "2 дня", "2 days"),
    ],
)
def test_lengths(seconds: float, russian: str, english: str) -> None:
    assert length(speak("ru"), seconds) == russian
    assert length(speak("en"), seconds) == english


NOT_RUNG_RU = "Не звонили: Борис Ильин — разговаривает; Глеб Орлов — отпуск до 14.08."
NOT_RUNG_EN = "Passed over: Борис Ильин — talking; Глеб Орлов — on leave until 14.08."
TIED = replace(VERA, chosen=True, load=0.62)

SENTENCES = [
    pytest.param(
        WHY,
        (),
        "По плану: Анна Смирнова — ответственный (сделка № 318), 20 с. "
        "Потом: Вера Котова — загрузка 35 % (7 в работе из 20), меньше всех, 20 с. "
        f"Потом: запасной номер +7 495 000-00-00. {NOT_RUNG_RU}",
        "Plan: Анна Смирнова — responsible (card #318), 20 s. "
        "Then: Вера Котова — load 35 % (7 of 20 in work), the lowest of all, 20 s. "
        f"Then: the last resort +7 495 000-00-00. {NOT_RUNG_EN}",
        id="without legs it is a plan",
    ),
    pytest.param(
        WHY,
        (leg("anna", 0, "failed"), talk("vera", 1, 134), unbegun(None, 2)),
        "Звонили: Анна Смирнова — ответственный (сделка № 318), нет ответа за 20 с. "
        "Потом: Вера Котова — загрузка 35 % (7 в работе из 20), меньше всех, разговор 2 мин 14 с. "
        f"{NOT_RUNG_RU}",
        "Rang: Анна Смирнова — responsible (card #318), no answer in 20 s. "
        "Then: Вера Котова — load 35 % (7 of 20 in work), the lowest of all, talked 2 min 14 s. "
        f"{NOT_RUNG_EN}",
        id="the second one answered",
    ),
    pytest.param(
        replace(WHY, steps=(TO_ANNA,)),
        (leg("anna", 0, "failed", reason="busy"), leg(None, 1, "planned")),
        "Звонили: Анна Смирнова — ответственный (сделка № 318), занято. "
        "Сейчас звоним: запасной номер +7 495 000-00-00.",
        "Rang: Анна Смирнова — responsible (card #318), busy. "
        "Ringing now: the last resort +7 495 000-00-00.",
        id="the last resort rings although its phone has not reported",
    ),
    pytest.param(
        WHY,
        (leg("anna", 0, "ringing"), leg("vera", 1, "planned"), leg(None, 2, "planned")),
        "Звоним: Анна Смирнова — ответственный (сделка № 318). "
        "Дальше: Вера Котова — загрузка 35 % (7 в работе из 20), меньше всех. "
        f"Потом: запасной номер +7 495 000-00-00. {NOT_RUNG_RU}",
        "Ringing: Анна Смирнова — responsible (card #318). "
        "Next: Вера Котова — load 35 % (7 of 20 in work), the lowest of all. "
        f"Then: the last resort +7 495 000-00-00. {NOT_RUNG_EN}",
        id="while it rings the rest of the plan is told",
    ),
    pytest.param(
        replace(WHY, steps=(TO_ANNA,)),
        (
            leg("anna", 0, "cancelled", ended_at=WHY.at),
            unbegun(None, 1),
        ),
        "Звонили: Анна Смирнова — ответственный (сделка № 318), клиент не дождался.",
        "Rang: Анна Смирнова — responsible (card #318), the caller did not wait.",
        id="the caller hung up",
    ),
    pytest.param(
        replace(
            WHY,
            steps=(TO_ANNA,),
            people=(
                Ranked("c1", "Иван Петров", ("chosen", "open_card")),
                Ranked("c2", "Мария Петрова", ("talked",)),
                Ranked("c3"),
            ),
        ),
        (leg("anna", 0, "cancelled", ended_at=WHY.at), unbegun(None, 1)),
        "На номере 3 человека: Иван Петров (по вашему выбору, открытая сделка), "
        "Мария Петрова (последний разговор), без имени. "
        "Звонили: Анна Смирнова — ответственный (сделка № 318), клиент не дождался.",
        "3 people have this number: Иван Петров (by your choice, an open card), "
        "Мария Петрова (the latest talk), no name. "
        "Rang: Анна Смирнова — responsible (card #318), the caller did not wait.",
        id="several people have the number",
    ),
    pytest.param(
        replace(
            WHY,
            responsible=replace(WHY.responsible, manager="boris", by="talked", card=None)
            if WHY.responsible
            else None,
            steps=(
                replace(TO_ANNA, chosen=(), candidates=(BORIS,)),
                replace(TO_VERA, candidates=(replace(VERA, chosen=True), BORIS)),
            ),
        ),
        (talk("vera", 0, None), unbegun(None, 1)),
        "Борис Ильин — ответственный (последний разговор с этим клиентом): разговаривает. "
        "Звонили: Вера Котова — загрузка 35 % (7 в работе из 20), больше никто не свободен, "
        "идёт разговор.",
        "Борис Ильин — responsible (had the last talk with this contact): talking. "
        "Rang: Вера Котова — load 35 % (7 of 20 in work), nobody else is free, talking now.",
        id="the responsible manager is busy: said first",
    ),
    pytest.param(
        replace(STRANGER, steps=(replace(TO_VERA, candidates=(TIED, ANNA)),)),
        (talk("vera", 0, 1), unbegun(None, 1)),
        "Новый номер: заведена сделка № 319. Звонили: Вера Котова — загрузка 62 % "
        "(7 в работе из 20), не больше других, дольше всех без звонка, разговор 1 с.",
        "New number: new card #319. Rang: Вера Котова — load 62 % (7 of 20 in work), "
        "no more than others, longest without a call, talked 1 s.",
        id="equal loads: longest without a call",
    ),
    pytest.param(
        replace(STRANGER, steps=(TO_ALL,), rule="VIP: все сразу"),
        (
            leg("anna", 0, "failed", reason="answered_elsewhere"),
            talk("vera", 0, 40),
            leg("boris", 0, "cancelled"),
            unbegun(None, 1),
        ),
        "Новый номер: заведена сделка № 319. Сработало правило «VIP: все сразу». "
        "Звонили: Анна Смирнова, Вера Котова, Борис Ильин (все сразу); "
        "Вера Котова — разговор 40 с.",
        "New number: new card #319. Rule “VIP: все сразу” applies. "
        "Rang: Анна Смирнова, Вера Котова, Борис Ильин (all at once); "
        "Вера Котова — talked 40 s.",
        id="all at once by a rule",
    ),
    pytest.param(
        replace(
            STRANGER,
            caller="withheld",
            steps=(),
            ends="message",
            ladder="night",
            open_hours=False,
        ),
        (),
        "Номер скрыт: заведена сделка № 319. Нерабочее время. "
        "Клиент слышит: «Мы перезвоним завтра с девяти».",
        "Number withheld: new card #319. It is after hours. "
        "The caller hears: “Мы перезвоним завтра с девяти”.",
        id="a withheld number after hours hears the message",
    ),
    pytest.param(
        replace(
            WHY,
            responsible=None,
            steps=(replace(TO_VERA, chosen=(), candidates=(BORIS, GLEB)),),
        ),
        (talk(None, 0, 45),),
        "Звонить некому, поэтому сразу запасной номер +7 495 000-00-00, разговор 45 с. "
        + NOT_RUNG_RU,
        "Nobody to ring, so straight to the last resort +7 495 000-00-00, talked 45 s. "
        + NOT_RUNG_EN,
        id="nobody to ring",
    ),
    pytest.param(
        replace(WHY, steps=(), told_by="last_resort", responsible=None, known=False),
        (leg(None, 0, "ringing"),),
        "При решении случился наш сбой. Сразу запасной номер +7 495 000-00-00.",
        "The decision failed by our own fault. Straight to the last resort +7 495 000-00-00.",
        id="our own fault is owned up to",
    ),
    pytest.param(
        replace(WHY, steps=(TO_ANNA,), told_by="snapshot", line_known=False),
        (
            leg("anna", 0, "cancelled"),
            Leg(
                ref="x:103",
                dial="103",
                manager="boris",
                planned=False,
                status="ended",
                answered_at=WHY.at,
                ended_at=WHY.at,
                talk_s=63,
            ),
            unbegun(None, 1),
        ),
        "База данных не ответила, решали по памяти сервера. "
        "Набран номер, которого нет в настройках. "
        "Звонили: Анна Смирнова — ответственный (сделка № 318), ответ на другом телефоне. "
        "Вне плана: Борис Ильин, разговор 1 мин 3 с.",
        "The database was silent, so we decided from memory. "
        "The number dialled is not one we know. "
        "Rang: Анна Смирнова — responsible (card #318), answered on another phone. "
        "Outside the plan: Борис Ильин, talked 1 min 3 s.",
        id="picked up outside the plan, decided from memory",
    ),
    pytest.param(
        replace(
            WHY, steps=(replace(TO_VERA, candidates=(replace(VERA, chosen=True),)),), attempt=1
        ),
        (
            leg("anna", 0, "failed", reason="rejected"),
            Leg(
                ref="a2",
                dial="102",
                manager="vera",
                attempt=1,
                status="ringing",
                ring_from=WHY.at,
            ),
            unbegun(None, 1)._replace(attempt=1),
        ),
        "До этого: Анна Смирнова — звонок отклонён. "
        "Звоним: Вера Котова — загрузка 35 % (7 в работе из 20), больше никто не свободен.",
        "Before that: Анна Смирнова — call rejected. "
        "Ringing: Вера Котова — load 35 % (7 of 20 in work), nobody else is free.",
        id="the PBX asked again",
    ),
]


NOBODY = replace(TO_VERA, chosen=(), waits=True, candidates=(BORIS, GLEB))
NOON = WHY.at

PEOPLE = [
    pytest.param(
        replace(
            STRANGER,
            known=True,
            new_card=False,
            steps=(NOBODY,),
            ends="wait",
            place=Place(2, NOON, NOON, expected_s=90),
        ),
        "Все заняты: клиент ждёт, место 2, кто-то освободится примерно через 1 мин 30 с. "
        "Не звонили: Борис Ильин — разговаривает; Глеб Орлов — отпуск до 14.08.",
        "Nobody is free: the caller waits, place 2, somebody is expected to be free in 1 min 30 s. "
        "Passed over: Борис Ильин — talking; Глеб Орлов — on leave until 14.08.",
        id="waiting",
    ),
    pytest.param(
        replace(
            WHY,
            responsible=None,
            steps=(replace(NOBODY, candidates=()),),
            ends="wait",
            place=Place(1, NOON, NOON, kept=True),
        ),
        "Все заняты: клиент ждёт, место 1, место сохранено от прошлого звонка.",
        "Nobody is free: the caller waits, place 1, the place is kept from the call before.",
        id="waiting again in the old place",
    ),
    pytest.param(
        replace(
            WHY,
            responsible=Responsible("gleb", "contact"),
            steps=(
                replace(
                    TO_ANNA,
                    chosen=("vera",),
                    candidates=(GLEB, replace(VERA, chosen=True, instead_of="gleb")),
                ),
            ),
        ),
        "Глеб Орлов — ответственный (по карточке клиента): отпуск до 14.08. "
        "По плану: Вера Котова — замещает: Глеб Орлов, 20 с. "
        "Потом: запасной номер +7 495 000-00-00.",
        "Глеб Орлов — responsible (by the contact's record): on leave until 14.08. "
        "Plan: Вера Котова — in place of Глеб Орлов, 20 s. "
        "Then: the last resort +7 495 000-00-00.",
        id="a deputy",
    ),
    pytest.param(
        replace(
            WHY,
            responsible=None,
            steps=(
                replace(
                    TO_VERA,
                    candidates=(
                        replace(VERA, chosen=True, floor=0.35),
                        replace(ANNA, passed="promised", call="01J"),
                        replace(BORIS, passed="paused", note="обед", until=NOON + HOUR),
                        replace(GLEB, passed="cooling", note="no_answer", until=NOON + 24 * HOUR),
                    ),
                ),
            ),
        ),
        "По плану: Вера Котова — загрузка 35 % (мягкий старт: как у команды; своих 7 в работе "
        "из 20), больше никто не свободен, 20 с. Потом: запасной номер +7 495 000-00-00. "
        "Не звонили: Анна Смирнова — сначала тот, кто ждёт дольше; "
        "Глеб Орлов — пока звоним в последнюю очередь (последние звонки без ответа) до 04.08; "
        "Борис Ильин — перерыв (обед) до 13:00.",
        "Plan: Вера Котова — load 35 % (a soft start: as the team; own 7 of 20 in work), "
        "nobody else is free, 20 s. Then: the last resort +7 495 000-00-00. "
        "Passed over: Анна Смирнова — kept for a caller who has waited longer; "
        "Глеб Орлов — rung last for a while (did not answer the last calls) until 04.08; "
        "Борис Ильин — has a break (обед) until 13:00.",
        id="a soft start, a promise, a break and a cooling",
    ),
    pytest.param(
        replace(WHY, responsible=None, steps=(), ends="reject", rejected="blocked", note="спам"),
        "Звонок отклонён: номер заблокирован (спам).",
        "The call is rejected: this number is blocked (спам).",
        id="blocked",
    ),
    pytest.param(
        replace(WHY, responsible=None, steps=(), ends="reject", rejected="blocked", note="spam"),
        "Звонок отклонён: номер заблокирован (спам).",
        "The call is rejected: this number is blocked (spam).",
        id="blocked by a click",
    ),
    pytest.param(
        replace(WHY, responsible=None, steps=(), ends="reject", rejected="loop"),
        "Звонок отклонён: его вернул нам телефон, на который мы сейчас звоним.",
        "The call is rejected: a phone that we ring has forwarded it back to us.",
        id="a loop",
    ),
]


@pytest.mark.parametrize(("decided", "russian", "english"), PEOPLE)
def test_who_is_there_in_sentences(decided: Why, russian: str, english: str) -> None:
    assert why_text(decided, SETUP, language="ru") == russian
    assert why_text(decided, SETUP, language="en") == english
    for language in LANGUAGES:
        assert why_lines(why_details(decided, SETUP, language=language), speak(language))


@pytest.mark.parametrize(("decided", "legs", "russian", "english"), SENTENCES)
def test_why_in_sentences(decided: Why, legs: Sequence[Leg], russian: str, english: str) -> None:
    assert why_text(decided, SETUP, language="ru", legs=legs) == russian
    assert why_text(decided, SETUP, language="en", legs=legs) == english


def test_strangers_taken_today_are_a_part_of_the_load() -> None:
    step = replace(TO_VERA, candidates=(replace(VERA, chosen=True, strangers=2, load=0.45),))
    said = why_text(replace(STRANGER, steps=(step,)), SETUP, language="ru")
    assert "загрузка 45 % (7 в работе и 2 новых звонка из 20)" in said


def test_a_crowd_that_was_passed_over_is_counted() -> None:
    crowd = tuple(replace(BORIS, manager=f"m{n}", passed="off_shift") for n in range(7))
    step = replace(TO_VERA, candidates=(replace(VERA, chosen=True), *crowd))
    said = why_text(replace(STRANGER, steps=(step,)), SETUP, language="en")
    assert said.endswith("m0, m1, m2, m3 — off shift; and 3 more.")


WHOLE = """\
Решено: 03.08.2026 12:00
Кто звонит: знакомый номер: он есть у клиента
Номер компании: +7 495 123-00-01 (Сайт, Москва)
Время работы: рабочее время
Сделка: сделка № 318
Ответственный: Анна Смирнова (сделка № 318)
Правило: «Постоянные» (настройки, версия 7)
Порядок дозвона: обычный: сначала ответственный, потом наименее загруженный
Откуда решение: по базе данных, как обычно

1. Ответственный, 20 с — нет ответа за 20 с
  → Анна Смирнова: в плане: ответственный (сделка № 318), загрузка 60 % (12 в работе из 20), 14 мин без звонка

2. Наименее загруженный, 20 с (отдел «Продажи») — разговор 2 мин 14 с
  → Вера Котова: в плане, загрузка 35 % (7 в работе из 20), 1 ч 5 мин без звонка
    Анна Смирнова: на линии, но по порядку раньше другой, загрузка 60 % (12 в работе из 20), 14 мин без звонка
    Борис Ильин: разговаривает, загрузка 50 % (9 в работе и 1 новый звонок из 20), звонков ещё не было
    Глеб Орлов: отпуск до 14.08, загрузка 0 % (0 в работе из 20), звонков ещё не было
    Остальные: на линии, но по порядку раньше другой — 3; не на смене — 9

Если никто не ответит: запасной номер +7 495 000-00-00
Не вошло: часть телефонов: эта АТС звонит сразу не на все
Сколько заняло: очередь подошла через 0,4 мс, сведения собраны через 6,2 мс, решение готово через 7 мс"""


def test_the_whole_why_line_by_line() -> None:
    legs = (leg("anna", 0, "failed"), talk("vera", 1, 134), unbegun(None, 2))
    decided = replace(
        WHY,
        steps=(TO_ANNA, replace(TO_VERA, others=(("free", 3), ("off_shift", 9)), team="sales")),
        cut=("targets",),
        rule="Постоянные",
        times=why.Times(0.4, 6.21, 7.0),
    )
    details = why_details(decided, SETUP, language="ru", legs=legs)
    assert "\n".join(why_lines(details, speak("ru"))) == WHOLE


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_setup_that_has_moved_on_is_no_reason_to_fail(language: setup.Language) -> None:
    gone = setup.Setup()
    assert "anna" in why_text(WHY, gone, language=language)
    details = why_details(replace(WHY, ladder="old", rule="old"), gone, language=language)
    assert LINE not in details.end.text


@pytest.mark.parametrize(
    ("owed", "russian", "english"),
    [
        (
            WhyMissed("not_picked_up", ("anna", "boris")),
            "Не сняли трубку: Анна Смирнова, Борис Ильин",
            "Not picked up: Анна Смирнова, Борис Ильин",
        ),
        (
            WhyMissed("hung_up", ("anna",), 12),
            "Клиент положил трубку через 12 с",
            "The caller hung up after 12 s",
        ),
        (
            WhyMissed("out_of_hours", message=True),
            "Нерабочее время; клиент слышал сообщение или автоответчик",
            "After hours; the caller heard a message or a machine",
        ),
        (WhyMissed("nobody_on_shift"), "Никого не было на смене", "Nobody was on shift"),
        (WhyMissed("all_busy"), "Все были заняты", "All were busy"),
        (
            WhyMissed("message", message=True),
            "Прозвучало только сообщение",
            "Only a message was played",
        ),
        (
            WhyMissed("machine", ("vera",), message=True),
            "Ответил автоответчик: Вера Котова",
            "An answering machine took it: Вера Котова",
        ),
        (
            WhyMissed("fallback", ("anna",)),
            "Наш сбой; не сняли трубку: Анна Смирнова",
            "Our own fault; not picked up: Анна Смирнова",
        ),
        (
            WhyMissed("fallback"),
            "Наш сбой: звонок прошёл без обычного решения",
            "Our own fault: the call was not decided as usual",
        ),
        (WhyMissed("lead"), "Заявка с сайта", "A request from the site"),
    ],
)
def test_why_a_call_back_is_owed(owed: WhyMissed, russian: str, english: str) -> None:
    assert why_owed(owed, SETUP, language="ru") == russian
    assert why_owed(owed, SETUP, language="en") == english
