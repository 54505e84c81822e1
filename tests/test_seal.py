"""What is sealed opens with the same key only, and tickets grow old."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from callrouter.seal import SEALED, Seal, Unsealable, keep_key
from tests.examples import MONDAY_NOON

SEAL = Seal("a secret key of sixteen and more")


def test_a_secret_is_closed_once_and_opens_again() -> None:
    closed = SEAL.close("PBX password")
    assert closed.startswith(SEALED)
    assert "password" not in closed
    assert SEAL.close(closed) == closed
    assert SEAL.close("env:PBX_SECRET") == "env:PBX_SECRET"
    assert SEAL.open(closed) == "PBX password"


def test_another_key_opens_nothing_and_has_another_fingerprint() -> None:
    other = Seal("another key of sixteen and more")
    with pytest.raises(Unsealable):
        other.open(SEAL.close("PBX password"))
    assert other.fingerprint != SEAL.fingerprint


@pytest.mark.parametrize(
    ("change", "later"),
    [
        pytest.param(lambda t: t, 121, id="too old"),
        pytest.param(lambda t: t[:-2] + "AA", 0, id="changed"),
        pytest.param(lambda _: "nonsense", 0, id="nonsense"),
        pytest.param(lambda _: "билет", 0, id="not ASCII"),
        pytest.param(lambda _: "", 0, id="empty"),
    ],
)
def test_a_ticket_that_is_not_good_does_not_open(change: object, later: int) -> None:
    token = SEAL.ticket("call-1", MONDAY_NOON)
    now = MONDAY_NOON + timedelta(minutes=later)
    assert SEAL.read_ticket(token, MONDAY_NOON, timedelta(hours=2)) == "call-1"
    with pytest.raises(Unsealable):
        SEAL.read_ticket(change(token), now, timedelta(hours=2))  # type: ignore[operator]


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret.key"
    key = keep_key(path)
    assert keep_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
