"""`[[webhook]]`, `[alarms]`, `[digest]`: what may stand there, and a secret nobody sees again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callrouter.flows.apply import apply, export
from callrouter.seal import Seal
from callrouter.setup_file import differences, read_setup, warnings
from storage import setups
from storage.database import Database
from tests.setup_file.good import GOOD, assert_told, problems_of, setup_of

SEAL = Seal("the-key-of-these-tests")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOOK = """
[[webhook]]
key = "crm"
url = "https://crm.example.com/hooks"
secret = "a-secret-of-one's-own"
"""


@pytest.mark.parametrize(
    ("setting", "key", "allowed"),
    [
        ('[alarms]\nmail = ["it"]', "alarms.mail", "one address"),
        ('[alarms]\nmail = ["a@b.example", "a@b.example"]', "alarms.mail", "once"),
        ("[alarms]\nsilent_min = 5", "alarms.silent_min", "15 to 1440, and 0"),
        ("[alarms]\nsilent_min = 2000", "alarms.silent_min", "15 to 1440"),
        ('[digest]\nat = "8.30"', "digest.at", '"08:30"'),
        (HOOK.replace("https", "http"), "webhook[crm].url", "allow_private"),
        (HOOK.replace("crm.example", "user@crm.example"), "webhook[crm].url", "https://host/path"),
        (HOOK.replace("a-secret-of-one's-own", "short"), "webhook[crm].secret", "12"),
        (HOOK.replace('secret = "a-secret-of-one\'s-own"', ""), "webhook[crm].secret", "one, or"),
        (HOOK.replace("a-secret-of-one's-own", "kept"), "webhook[crm].secret", "none to keep"),
        (HOOK + 'events = ["call.began"]', "webhook[crm].events", '"call.ended"'),
        (HOOK + 'events = ["call.ended", "call.ended"]', "webhook[crm].events", "once"),
        (HOOK + HOOK, "webhook[crm]", "once"),
        (HOOK.replace('"crm"', '"c r m"'), "webhook[c r m]", "letters"),
    ],
)
def test_what_is_wrong_is_said(setting: str, key: str, allowed: str) -> None:
    assert_told(f"{GOOD}\n{setting}\n", key, allowed)


def test_what_is_right_is_let_pass() -> None:
    private = HOOK.replace("https", "http") + "allow_private = true\n"
    rest = "[alarms]\nmail = []\nsilent_min = 0\n[digest]\nactive = false\n"
    assert problems_of(f"{GOOD}\n{private}\n{rest}") == ()
    assert setup_of(f"{GOOD}\n[alarms]\nmail = []\n").alarms.mail == ()
    assert setup_of(GOOD).alarms.mail is None


def test_a_literal_secret_is_warned_of_and_never_shown() -> None:
    setup = read_setup(f"{GOOD}\n{HOOK}")
    assert "webhook[crm].secret" in {one.key for one in warnings(setup)}
    other = replace(setup, webhook=(replace(setup.webhook[0], secret="another-secret-of-it"),))
    assert differences(setup, other) == ("~ webhook crm: secret changed",)
    assert "own" not in repr(setup.webhook[0])


async def test_an_export_keeps_the_secret_and_changes_nothing(sqlite_database: Database) -> None:
    file = f'{GOOD}\n{HOOK}\nevents = ["call.ended"]\n[alarms]\nmail = []\n'
    await sqlite_database.write(apply, file, seal=SEAL, now=NOW)
    text = await sqlite_database.read(export)
    assert 'secret = "kept"' in text
    assert "mail = []" in text
    again = await sqlite_database.write(apply, text, seal=SEAL, now=NOW)
    assert again.changes == ()
    (webhook,) = (await sqlite_database.read(setups.load, 1)).webhook
    assert [SEAL.open(one) for one in webhook.secrets] == ["a-secret-of-one's-own"]
    # Two while one is changed: the one that nobody sees stays.
    both = text.replace('secret = "kept"\nevents', 'secret = ["env:NEW", "kept"]\nevents')
    changed = await sqlite_database.write(apply, both, seal=SEAL, now=NOW)
    assert changed.changes == ("~ webhook crm: secret changed",)
    assert changed.setup.webhook[0].secrets == ("env:NEW", *webhook.secrets)
