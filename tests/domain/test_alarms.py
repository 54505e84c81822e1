"""What somebody has to look at, from when until when: facts in, alarms out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from callrouter.domain.alarms import (
    CALM,
    LITTLE,
    AlarmKind,
    Facts,
    Found,
    Heard,
    Standing,
    find,
    turn,
)
from callrouter.domain.setup import Account, Setup, Webhook
from callrouter.wording import speak
from callrouter.wording.alarms import SAID, TO_DO, said
from tests.examples import SETUP

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def silent(*before: int, now: int = 0) -> Facts:
    return Facts(heard=(Heard("main", now, before),))


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        pytest.param(Facts(), [], id="all is well"),
        pytest.param(silent(8, 9, 7, 8), ["account_silent main"], id="usual, and now nothing"),
        pytest.param(silent(8, 9, 7, 8, now=1), [], id="one call is enough"),
        pytest.param(silent(8, 0, 7, 8), ["account_silent main"], id="one week was a holiday"),
        pytest.param(silent(8, 0, 0, 8), [], id="two weeks say nothing"),
        pytest.param(silent(2, 2, 2, 2), [], id="a call now and then is no usage"),
        pytest.param(silent(), [], id="nothing is known"),
        pytest.param(Facts(refused={"main": 19}), [], id="a few refused"),
        pytest.param(Facts(refused={"main": 20, "b": 1}), ["hooks_refused main"], id="a burst"),
        pytest.param(Facts(fallbacks=1), ["fallback "], id="decided from memory"),
        pytest.param(Facts(spooled=ago(seconds=30)), [], id="just written"),
        pytest.param(Facts(spooled=ago(seconds=90)), ["spool "], id="not in the base yet"),
        pytest.param(Facts(dead={"transcribe": 2}), ["dead_jobs "], id="given up"),
        pytest.param(Facts(in_doubt=1), ["letters_in_doubt "], id="in doubt"),
        pytest.param(Facts(backup_due_since=ago(hours=25)), [], id="last night's"),
        pytest.param(Facts(backup_due_since=ago(hours=27)), ["backup_late "], id="none tonight"),
        pytest.param(Facts(stuck_mail=1), ["mail_failing "], id="mail"),
        pytest.param(Facts(stuck_webhooks={"crm": 3}), ["webhook_failing crm"], id="webhook"),
        pytest.param(
            Facts(no_secret=("a", "b")), ["secret_missing a", "secret_missing b"], id="secrets"
        ),
        pytest.param(Facts(free=LITTLE), [], id="room enough"),
        pytest.param(Facts(free=LITTLE - 1), ["disk "], id="no room"),
        pytest.param(Facts(overdue=9), [], id="some are always late"),
        pytest.param(Facts(overdue=10), ["overdue "], id="many are late"),
    ],
)
def test_what_somebody_should_look_at(facts: Facts, found: list[str]) -> None:
    assert [one.key for one in find(facts, NOW)] == found


def standing(seen: datetime, n: int = 1) -> Standing:
    return Standing("a1", Found("dead_jobs", n=n), ago(hours=1), seen)


def test_an_alarm_opens_once_stays_and_closes_when_it_has_been_calm_for_a_while() -> None:
    found = Found("dead_jobs", n=3)
    assert turn([found], [], NOW).opened == (found,)
    again = turn([found], [standing(ago(minutes=1))], NOW)
    assert (again.opened, again.closed) == ((), ())
    assert again.again == (Standing("a1", found, ago(hours=1), NOW),)
    calm = standing(NOW - CALM)
    hasty = standing(NOW - CALM + timedelta(seconds=1))
    assert turn([], [hasty], NOW).closed == ()
    assert turn([], [calm], NOW).closed == (calm,)


def test_two_of_a_kind_are_two_alarms() -> None:
    first, second = Found("secret_missing", "a"), Found("secret_missing", "b")
    known = Standing("a1", first, NOW, NOW)
    assert turn([first, second], [known], NOW).opened == (second,)


def test_every_kind_has_its_words() -> None:
    assert set(SAID) == set(TO_DO) == set(get_args(AlarmKind))


@pytest.mark.parametrize(
    ("kind", "setup", "says"),
    [
        ("secret_missing", SETUP, "The secret of «Анна Смирнова» cannot be had"),
        (
            "secret_missing",
            replace(SETUP, webhook=(Webhook("anna", "https://crm.example"),)),
            "The secret of «anna» cannot be had",
        ),
        (
            "secret_missing",
            replace(SETUP, account=(Account("anna", "+74951230001"),)),
            "The secret of «anna» cannot be had",
        ),
        ("account_silent", SETUP, "«anna» is silent, though calls usually come at this hour"),
    ],
)
def test_a_manager_has_a_name_and_what_is_called_like_him_has_none(
    kind: AlarmKind, setup: Setup, says: str
) -> None:
    assert said(Found(kind, "anna"), speak("en"), setup) == says
