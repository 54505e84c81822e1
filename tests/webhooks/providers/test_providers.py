"""A provider is one file, one line in the registry, one test file, samples, one row of the matrix."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import webhooks.providers
from callrouter.domain.decisions import Can
from callrouter.pages.connect import GUIDES
from tests.webhooks.examples import ACCOUNT, hook
from webhooks.provider import ForgedHook
from webhooks.providers import PROVIDERS

FOLDER = Path(webhooks.providers.__file__).parent
HERE = Path(__file__).parent
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def test_every_file_is_registered() -> None:
    assert sorted(PROVIDERS) == FILES


@pytest.mark.parametrize("name", FILES)
def test_it_is_tested_with_samples(name: str) -> None:
    assert (HERE / f"test_{name}.py").is_file()
    assert any((HERE / "samples" / name).iterdir())


@pytest.mark.parametrize("name", FILES)
def test_it_is_described(name: str) -> None:
    assert f"| `{name}` |" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", FILES)
def test_it_is_made_of_its_account_and_secrets(name: str) -> None:
    made = PROVIDERS[name](ACCOUNT, (b"secret",))
    for function in ("can", "greet", "verify", "parse", "answer", "accept", "trial"):
        assert callable(getattr(made, function))


def test_samples_belong_to_somebody() -> None:
    assert sorted(path.name for path in (HERE / "samples").iterdir()) == FILES


# The matrix, as far as the code can tell


def rows_of(heading: str) -> dict[str, dict[str, str]]:
    """The tables of the README that have such a column, by provider and column."""
    found: dict[str, dict[str, str]] = {}
    head: list[str] = []
    for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells
        elif head[0] == "provider" and heading in head and cells[0] != "---":
            found[cells[0].strip("`")] = dict(zip(head, cells, strict=True))
    return found


def words_of(can: Can) -> dict[str, str]:
    """How the matrix begins to say what a provider can do."""
    phones = f"up to {can.targets}" if can.targets else "any number"
    return {
        "steps in one answer": "one" if can.steps == 1 else "all",
        "phones at once": phones if can.parallel else "one",
        "outside numbers": "yes" if can.outside_numbers else "no",
        "asks again": "yes" if can.ask_again else "no",
        "waits": "yes" if can.wait else "no",
        "says a message": "yes" if can.message else "no",
        "records": "yes" if can.record else "no",
        "last resort": "yes" if can.then else "no",
    }


@pytest.mark.parametrize("name", FILES)
def test_the_matrix_says_what_the_code_can(name: str) -> None:
    made = PROVIDERS[name](ACCOUNT, (b"secret",))
    row = rows_of("waits")[name]
    for column, word in words_of(made.can(hook("event=ringing"))).items():
        assert re.match(rf"{word}\b", row[column]), column
    asked = rows_of("requests of ours")[name]["requests of ours"]
    limit = f"{made.per_minute} a minute" if made.per_minute else "no limit is known"
    assert asked.startswith(limit)


@pytest.mark.parametrize("name", FILES)
def test_it_can_be_connected_by_its_page(name: str) -> None:
    pages = re.findall(rf"\| `{name}` \| \[.+\]\((.+)\) \|", (FOLDER / "README.md").read_text())
    assert pages
    for page in pages:
        assert page.startswith("#") or (FOLDER / page).is_file(), page
    assert name in GUIDES


# The trial


@pytest.mark.parametrize("name", FILES)
def test_its_trial_is_let_in_and_changes_nothing(name: str) -> None:
    made, url = PROVIDERS[name](ACCOUNT, (b"secret",)), "https://crm.example/webhooks/x/main"
    trial = made.trial(url, "0a1b2c")
    assert trial
    headers = tuple((key.lower(), value) for key, value in trial.request.headers)
    sent = replace(hook(trial.request.body), url=url, headers=headers)
    made.verify(sent)
    (event,) = made.parse(sent)
    assert (event.kind, event.call_ref) == ("unknown", None)
    assert "test" in event.word.lower()
    assert made.accept(sent).body == trial.answer
    other = made.trial(url, "3d4e5f")
    assert other
    assert other.request.body != trial.request.body
    with pytest.raises(ForgedHook):
        PROVIDERS[name](ACCOUNT, (b"another",)).verify(sent)
    assert PROVIDERS[name](ACCOUNT, ()).trial(url, "0a1b2c") is None
