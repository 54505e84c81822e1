"""What templates get: texts only, written as the language writes them, under the names that stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from callrouter.domain.items import totals_of
from callrouter.domain.offers import Customer
from callrouter.forming.samples import sample_letters, sample_offers
from callrouter.forming.values import figure, letter_values, money, offer_values, plain
from callrouter.forming.variables import LETTER, OFFER, described
from callrouter.wording import speak
from tests.forming import papers
from tests.forming.papers import PUMP, VECTOR, offer_of

NET = replace(VECTOR, prices_include_vat=False)


def names_of(value: Any, above: str = "") -> set[str]:
    """Each name that leads to a text, as `described` writes it."""
    if isinstance(value, Mapping):
        return {name for key, below in value.items() for name in names_of(below, f"{above}.{key}")}
    if isinstance(value, list):
        return {name for below in value for name in names_of(below, f"{above}[]")}
    assert type(value) is str, above
    return {above.removeprefix(".")}


@pytest.mark.parametrize(
    ("samples", "known"), [(sample_offers(), OFFER), (sample_letters(), LETTER)]
)
def test_templates_get_the_names_that_are_described_and_no_others(
    samples: list[dict[str, Any]], known: dict[str, Any]
) -> None:
    assert len(samples) == 20
    given = {name for values in samples for name in names_of(values)}
    assert given == {name for name, _ in described(known)}


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        ("1234.5", "ru", "1\u00a0234,50\u00a0₽"),
        ("1234567.89", "ru", "1\u00a0234\u00a0567,89\u00a0₽"),
        ("0.005", "ru", "0,01\u00a0₽"),
        ("1234.5", "en", "1,234.50\u00a0₽"),
    ],
)
def test_money_is_never_broken_at_the_end_of_a_line(value: str, language: Any, text: str) -> None:
    assert money(Decimal(value), speak(language)) == text


def test_a_quantity_has_no_needless_zeros() -> None:
    assert figure(Decimal("150.500"), speak("ru")) == "150,5"
    assert figure(Decimal("2.000"), speak("ru")) == "2"
    assert figure(Decimal(100), speak("ru")) == "100"


def test_an_offer_in_texts() -> None:
    values = offer_values(replace(papers.OFFER, replaces="КП-2026-0014"))
    assert values["number"] == "№\u00a0КП-2026-0015"
    assert values["replaces"] == "взамен № КП-2026-0014"
    assert (values["dated"], values["valid_until"]) == ("12.03.2026", "26.03.2026")
    assert values["rows"][0]["sum"] == "24\u00a0691,00"
    assert values["totals"] == {
        "before": [],
        "label": "Итого",
        "total": "24\u00a0691,00\u00a0₽",
        "within": [{"label": "в том числе НДС 20 %", "sum": "4\u00a0115,17\u00a0₽"}],
        "in_words": "Двадцать четыре тысячи шестьсот девяносто один рубль 00 копеек",
    }
    assert values["terms"] == ["Оплата: 50 % аванс.", "Срок поставки: 10 рабочих дней."]


def test_an_offer_without_a_number_says_so() -> None:
    assert offer_values(replace(papers.OFFER, number=""))["number"] == "№\u00a0будет присвоен"


@pytest.mark.parametrize(
    ("rates", "entity", "before", "within"),
    [
        pytest.param(("20",), VECTOR, [], ["в том числе НДС 20 %"], id="within the price"),
        pytest.param(
            ("10", "20"),
            VECTOR,
            [],
            ["в том числе НДС 20 %", "в том числе НДС 10 %"],
            id="two rates",
        ),
        pytest.param(("20",), NET, ["Итого без НДС", "НДС 20 %"], [], id="on top of it"),
        pytest.param(("none",), VECTOR, [], ["НДС не облагается"], id="none"),
        pytest.param(("none",), NET, [], ["НДС не облагается"], id="none, without"),
    ],
)
def test_the_tax_is_said_by_its_rates(
    rates: tuple[str, ...], entity: Any, before: list[str], within: list[str]
) -> None:
    totals = offer_values(offer_of((replace(PUMP, vat=rate) for rate in rates), entity))["totals"]
    assert [one["label"] for one in totals["before"]] == before
    assert [one["label"] for one in totals["within"]] == within


def test_a_letter_greets_by_name_only_where_one_is_confirmed() -> None:
    assert papers.LETTER["greeting"] == "Здравствуйте, Анна!"
    values = letter_values(
        entity=VECTOR, customer=Customer("Анна"), sender=papers.VERA, language="ru"
    )
    assert values["greeting"] == "Здравствуйте!"
    assert values["offer"]["number"] == ""


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("ООО\n«Ромашка»\t", "ООО «Ромашка»"),
        ("a\x00b\x1b[0m", "ab[0m"),
        ("gnp.\u202eexe", "gnp.exe"),
        ("\ud800x", "x"),
        (None, ""),
    ],
)
def test_a_text_is_one_line_that_any_document_can_hold(text: str | None, cleaned: str) -> None:
    assert plain(text) == cleaned


def test_totals_are_those_that_the_offer_was_frozen_with() -> None:
    frozen = replace(papers.OFFER, totals=totals_of((), prices_include_vat=True))
    assert offer_values(frozen)["totals"]["total"] == "0,00\u00a0₽"
