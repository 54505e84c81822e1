"""What is allowed but probably not meant: above all, hours in which nobody would answer."""

import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.domain.decisions import Can
from callrouter.domain.hours import Calendar, parse_hours
from callrouter.setup_file import warnings
from callrouter.setup_file.coverage import _moments, _weekly
from callrouter.setup_file.warnings import ladder_remarks
from tests.setup_file.good import GOOD, setup_of
from webhooks.providers.pbx import Pbx

SHOP = """
[company]
duty = "anna"

[[office]]
key = "msk"

[[office]]
key = "ekb"
time_zone = "Asia/Yekaterinburg"

[[account]]
key = "main"
secret = "env:PBX_SECRET"
default_line = "+74951230001"

[[manager]]
key = "anna"
name = "Анна"
dial = "101"
skills = ["en"]
office = "msk"
shift = "Mo-Fr 09:00-18:00"

[[manager]]
key = "old"
name = "Олег"
dial = "102"
active = false

[[ladder]]
key = "shop"
  [[ladder.step]]
  ring = "all"

[[ladder]]
key = "night"
  [[ladder.step]]
  say = "Перезвоним утром"

[[line]]
number = "+74951230001"
name = "Сайт"
ladder = "shop"
last_resort = "reception"
"""

ALWAYS = '[[manager]]\nkey = "b"\nname = "Б"\ndial = "103"\n'


def changed(old: str, new: str) -> str:
    assert SHOP.count(old) == 1, f"{old!r} stands {SHOP.count(old)} times"
    return SHOP.replace(old, new)


def line(settings: str) -> str:
    return changed('ladder = "shop"\nlast', f"{settings}\nlast")


def step(settings: str) -> str:
    return changed('ring = "all"', settings)


def rule(when: str, ladder: str = "night") -> str:
    return f'{SHOP}[[rule]]\nname = "r"\nladder = "{ladder}"\nwhen = {when}\n'


def idle(text: str) -> list[str]:
    """When the line is told to have nobody."""
    told = [one.message for one in warnings(setup_of(text)) if one.key == "line[+74951230001]"]
    start, end = "«Сайт»: nobody on shift and no message ", ": calls go to the last resort"
    assert all(message.startswith(start) and message.endswith(end) for message in told)
    return [message.removeprefix(start).removesuffix(end) for message in told]


OUT_OF_SHIFT = "Mo-Fr 00:00-09:00,18:00-24:00; Sa-Su 00:00-24:00"
NEVER = "Mo-Su 00:00-24:00"


@pytest.mark.parametrize(
    ("text", "when"),
    [
        pytest.param(SHOP, [OUT_OF_SHIFT], id="outside the only shift"),
        pytest.param(SHOP + ALWAYS, [], id="somebody without a shift is always there"),
        pytest.param(SHOP + ALWAYS + "active = false", [OUT_OF_SHIFT], id="but not who is gone"),
        pytest.param(
            SHOP + ALWAYS + 'shift = "Mo-Su 18:00-09:00"', ["Sa-Su 09:00-18:00"], id="two shifts"
        ),
        pytest.param(
            changed("09:00-18:00", "09:00-18:00; PH off"),
            [OUT_OF_SHIFT + "; PH 00:00-24:00"],
            id="holidays are worse than the day itself",
        ),
        pytest.param(
            changed('office = "msk"', 'office = "ekb"'),
            ["Mo-Fr 00:00-07:00,16:00-24:00; Sa-Su 00:00-24:00"],
            id="a shift two zones away",
        ),
        pytest.param(
            line('ladder = "shop"\noffice = "ekb"'),
            ["Mo-Fr 00:00-11:00,20:00-24:00; Sa-Su 00:00-24:00"],
            id="a line two zones away",
        ),
        pytest.param(
            line('ladder = "shop"\nhours = "Mo-Fr 09:00-20:00"\nclosed = "night"'),
            ["Mo-Fr 18:00-20:00"],
            id="a message outside the line's hours",
        ),
        pytest.param(
            line('ladder = "shop"\nhours = "Mo-Fr 10:00-17:00"'),
            ["Mo-Fr 00:00-10:00,17:00-24:00; Sa-Su 00:00-24:00"],
            id="no ladder outside the line's hours",
        ),
        pytest.param(line('ladder = "night"'), [], id="a message at any hour"),
        pytest.param(line(""), [OUT_OF_SHIFT], id="a line without a ladder of its own"),
        pytest.param(step('ring = "responsible"'), [NEVER], id="a stranger has no manager"),
        pytest.param(
            step('ring = "all"\noffice = "line"'), [NEVER], id="nobody in the line's office"
        ),
        pytest.param(step('ring = "all"\nskill = "fr"'), [NEVER], id="nobody with the skill"),
        pytest.param(
            step('ring = "all"\nskill = "en"') + ALWAYS, [OUT_OF_SHIFT], id="one with the skill"
        ),
        pytest.param(
            changed('dial = "101"', 'dial = { bare = "101" }')
            + '[[account]]\nkey = "bare"\nsecret = "env:B"\ndefault_line = "+74951230001"',
            [NEVER],
            id="a phone at another account only",
        ),
        pytest.param(
            rule('{ field = "hours", op = "within", value = "Sa-Su 00:00-24:00" }'),
            ["Mo-Fr 00:00-09:00,18:00-24:00"],
            id="a rule by the hour",
        ),
        pytest.param(
            rule('{ not = { field = "contact.known", op = "is", value = true } }'),
            [],
            id="a rule for strangers",
        ),
        pytest.param(
            rule('{ field = "contact.tag", op = "has", value = "vip" }'),
            [OUT_OF_SHIFT],
            id="a rule for somebody else",
        ),
        pytest.param(
            changed("09:00-18:00", "09:00-18:00; PH off")
            + '[[rule]]\nname = "r"\nladder = "night"\n'
            + 'when = { field = "holiday", op = "is", value = true }',
            [OUT_OF_SHIFT],
            id="a rule for holidays",
        ),
    ],
)
def test_hours_in_which_nobody_would_answer(text: str, when: list[str]) -> None:
    assert idle(text) == when


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=84, max_size=84))
def test_the_hours_told_are_those_found(week: bytes) -> None:
    slots = [bool(byte >> bit & 1) for byte in week for bit in range(8)]
    calendar = Calendar("Europe/Moscow")
    told = "; ".join(_weekly(slots)) or "off"
    assert [parse_hours(told).open_at(now, calendar) for now in _moments("Europe/Moscow")] == slots


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        pytest.param(
            changed("env:PBX_SECRET", "a literal secret"),
            "account[main].secret",
            '"env:NAME"',
            id="a secret that everybody who sees the file sees",
        ),
        pytest.param(
            SHOP + '[[team]]\nkey = "t"\nhead = "old"', "team[t].head", "not active", id="head"
        ),
        pytest.param(
            SHOP + ALWAYS + 'deputy = "old"', "manager[b].deputy", "not active", id="deputy"
        ),
        pytest.param(
            step('ring = "in_order"\nmanagers = ["old", "anna"]'),
            "ladder[shop].step[1].managers",
            '"old" is not active',
            id="in a ladder",
        ),
        pytest.param(
            changed('dial = "101"', ""), "manager[anna].dial", "never be rung", id="no phone"
        ),
        pytest.param(
            step('ring = "all"\nskill = "fr"'), "ladder[shop].step[1].skill", '"fr"', id="skill"
        ),
        pytest.param(
            step('ring = "responsible"\noffice = "msk"'),
            "ladder[shop].step[1]",
            '"office"',
            id="a setting without effect",
        ),
        pytest.param(
            line('ladder = "shop"\nclosed = "night"'),
            "line[+74951230001].closed",
            "never closes",
            id="a ladder for hours that never come",
        ),
        pytest.param(
            changed("Перезвоним утром", "Мы перезвоним завтра утром, как только откроемся"),
            "ladder[night].step[1].say",
            '"Мы перезвоним завтра утром как тол"',
            id="a message too long for a PBX",
        ),
    ],
)
def test_what_is_told_besides(text: str, key: str, message: str) -> None:
    told = {problem.key: problem.message for problem in warnings(setup_of(text))}
    assert key in told
    assert message in told[key]


def test_sealed_secrets_and_people_without_a_phone_by_office_are_nothing_to_tell() -> None:
    setup = setup_of(GOOD)
    account = replace(setup.account[0], secret=("sealed:gAAAA", "env:B"))
    anna = replace(setup.managers["anna"], dial=(), role="auditor")
    setup = replace(setup, account=(account,), manager=(anna, setup.managers["vera"]))
    assert warnings(setup) == ()


class Hasty(Pbx):
    """A PBX that cannot keep a caller."""

    able = Can()


def test_a_ladder_that_waits_on_a_pbx_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(step('ring = "all"\nbusy = "wait"'))
    assert not [one for one in warnings(setup) if "hold callers" in one.message]
    monkeypatch.setattr(sys.modules[ladder_remarks.__module__], "PROVIDERS", {"pbx": Hasty})
    (found,) = [one for one in warnings(setup) if "hold callers" in one.message]
    assert found.key == "ladder[shop].step[1].busy"


@pytest.mark.parametrize(
    ("provider", "spelling", "dial", "told"),
    [
        pytest.param("zadarma", "{dial}", "1010", True, id="no extension of Zadarma's"),
        pytest.param("zadarma", "{dial}", "101", False, id="an extension of Zadarma's"),
        pytest.param("zadarma", "{dial}", ("1010", "101"), False, id="one of two"),
        pytest.param("twilio", "{dial}", "101", True, id="an inside dial that Twilio cannot ring"),
        pytest.param(
            "twilio", "sip:{dial}@pbx.example.com", "101", False, id="spelt as an address"
        ),
        pytest.param("twilio", "{dial}", "+79160000001", False, id="a number"),
        pytest.param("twilio", "{dial}", {"other": "101"}, False, id="a phone elsewhere"),
        pytest.param("pbx", "{dial}", "1010", False, id="a PBX rings whatever it has"),
    ],
)
def test_phones_that_the_provider_cannot_ring(
    provider: str, spelling: str, dial: Any, *, told: bool
) -> None:
    setup = setup_of(GOOD)
    account = replace(setup.account[0], provider=provider, dial_inside=spelling)
    anna = replace(setup.managers["anna"], dial=dial)
    others = tuple(one for one in setup.manager if one.key != "anna")
    others = tuple(replace(one, dial=()) for one in others)
    found = warnings(replace(setup, account=(account,), manager=(anna, *others)))
    assert [one.key for one in found if "can ring no phone" in one.message] == (
        ["account[main]"] if told else []
    )
