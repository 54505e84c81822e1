"""A provider is one file, one line in the registry, one test file, samples, one row of the matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

import webhooks.providers
from tests.webhooks.examples import ACCOUNT
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
    for function in ("can", "greet", "verify", "parse", "answer", "accept"):
        assert callable(getattr(made, function))


def test_samples_belong_to_somebody() -> None:
    assert sorted(path.name for path in (HERE / "samples").iterdir()) == FILES
