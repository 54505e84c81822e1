"""An account of the setup becomes a provider with its secrets in clear."""

from __future__ import annotations

from typing import Any

import structlog

from callrouter.accounts import provider_of
from callrouter.domain.setup import Account
from callrouter.seal import Seal
from tests.examples import LINE_NUMBER, SETUP
from webhooks.providers.pbx import Pbx

SEAL = Seal("a secret of the tests")
ENVIRON = {"ONE": "first-secret", "KEY": "the-key"}


def made(**settings: Any) -> Pbx:
    account = Account("main", default_line=LINE_NUMBER, **settings)
    found = provider_of(account, SETUP, SEAL, ENVIRON)
    assert isinstance(found, Pbx)
    return found


def test_secrets_are_opened_wherever_they_are_kept() -> None:
    found = made(secret=("env:ONE", SEAL.close("second-secret")))
    assert found.secrets == (b"first-secret", b"second-secret")
    assert made(secret="as-it-is-written").secrets == (b"as-it-is-written",)
    assert made(secret="x" * 12, api_key="env:KEY").account.api_key == "the-key"
    assert made(secret="x" * 12, api_key=SEAL.close("other")).account.api_key == "other"
    assert made(secret="x" * 12).account.api_key is None


def test_what_cannot_be_opened_is_left_out_and_said_without_it() -> None:
    foreign = Seal("another key").close("not ours")
    with structlog.testing.capture_logs() as lines:
        found = made(secret=("env:MISSING", foreign), api_key="env:MISSING")
    assert found.secrets == ()
    assert found.account.api_key is None
    assert [line["event"] for line in lines].count("secret_missing") == 2
    assert "secret_unreadable" in {line["event"] for line in lines}
    assert "not ours" not in str(lines)


def test_times_are_in_the_companys_zone_unless_the_account_has_its_own() -> None:
    assert made(secret="x" * 12).account.time_zone == SETUP.company.time_zone
    assert made(secret="x" * 12, time_zone="Asia/Omsk").account.time_zone == "Asia/Omsk"
