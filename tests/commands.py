"""Commands, as a person at a terminal gives them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callrouter.cli import main

COMPANY = """\
[company]
name = "Ромашка"
duty = "anna"

[[account]]
key = "main"
secret = "env:PBX_SECRET"
default_line = "+74951230001"

[[manager]]
key = "anna"
name = "Анна Смирнова"
dial = "101"
"""
"""The least that a setup.toml holds, but for its line."""


def alone_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in this folder, with no settings from outside."""
    for name in [one for one in os.environ if one.startswith("CALLROUTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    return folder


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, words, input=answer)


def done(*words: str, answer: str | None = None) -> str:
    """What a command that must succeed prints on standard output."""
    result = run(*words, answer=answer)
    assert result.exit_code == 0, result.output
    return result.stdout


def failed(*words: str) -> str:
    """What a command that must fail says on standard error, in a clear line."""
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("callrouter: ")
    return result.stderr
