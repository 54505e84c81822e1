"""`callrouter user` and `callrouter link` at a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callrouter import terminal
from callrouter.flows.users import Whence, accept
from callrouter.flows.visits import enter, find_visit
from storage.visits import Visit
from tests.commands import COMPANY, alone_in, done, failed

ADMIN, ANNA = "rita@example.com", "anna@example.com"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone_in(tmp_path, monkeypatch)
    line = '[[line]]\nnumber = "+74951230001"\nlast_resort = "+74950000000"\naccount = "main"\n'
    Path("setup.toml").write_text(COMPANY + line, encoding="utf-8")
    done("apply", "setup.toml")


def token_of(printed: str) -> str:
    found = re.fullmatch(r"http://127\.0\.0\.1:8080/(?:invite|enter)/([\w-]+)\n", printed)
    assert found, printed
    return found[1]


def choose(printed: str) -> None:
    """Choose a password by the printed link."""
    settings, now = terminal.settings_of(), terminal.now()
    assert terminal.write(settings, accept, token_of(printed), "a hash", Whence(), now=now)


def test_somebody_is_invited_listed_locked_out_and_let_in_again() -> None:
    choose(done("user", "add", ADMIN, "--name", "Рита", "--role", "admin"))
    invited = done("user", "add", ANNA, "--manager", "anna")
    assert done("user", "list").splitlines() == [
        f"{ANNA}  manager  Анна Смирнова  invited",
        f"{ADMIN}  admin  Рита",
    ]
    choose(invited)
    done("user", "lock", ANNA)
    assert f"{ANNA}  manager  Анна Смирнова  locked out" in done("user", "list")
    done("user", "unlock", ANNA)
    choose(done("user", "reset", ANNA.upper(), "--no-code"))
    assert "last administrator" in failed("user", "lock", ADMIN)
    assert "has an account already" in failed("user", "add", "b@example.com", "--manager", "anna")
    assert "no such manager" in failed("user", "add", "b@example.com", "--manager", "zoe")
    assert "somebody else signs in" in failed("user", "add", ANNA, "--name", "Ада")
    assert "no e-mail" in failed("user", "add", "ada", "--name", "Ада")
    assert "nobody signs in" in failed("user", "reset", "who@example.com")


def test_a_link_lets_in_an_admin_or_a_manager_whoever_is_locked_out() -> None:
    assert visit_by(done("link")).role == "admin"
    assert visit_by(done("link", "--manager", "anna")).manager == "anna"
    assert "no such manager" in failed("link", "--manager", "zoe")


def visit_by(printed: str) -> Visit:
    settings, now = terminal.settings_of(), terminal.now()
    cookie = terminal.write(settings, enter, token_of(printed), now=now)
    assert cookie
    visit = terminal.read(settings, find_visit, cookie, now=now)
    assert visit
    return visit
