"""The environment, read once; what cannot be used is named with what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from callrouter.settings import BadSettings, read_settings


def test_without_a_word_everything_has_a_default() -> None:
    settings = read_settings({})
    assert settings.database == "sqlite:///var/callrouter.db"
    assert (settings.data_dir, settings.secret_key, settings.public_url) == (Path("var"), None, "")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://x", "sqlite:///PATH"),
        ("DATABASE_URL", "sqlite:///", "sqlite:///PATH"),
        ("DATABASE_URL", "postgresql://x/y", "CALLROUTER_SECRET_KEY"),
        ("SECRET_KEY", "short", "16"),
        ("FILES_URL", "/var/files", "file:///PATH and s3://BUCKET/PREFIX"),
        ("FILES_SHARED", "yes", "1 and 0"),
        ("PUBLIC_URL", "calls.example.com", "https://"),
        ("SMTP_URL", "smtp.example.com", "smtp://USER:PASSWORD@HOST:PORT"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, nonsense", "nonsense"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says) as caught:
        read_settings({f"CALLROUTER_{name}": value})
    assert "CALLROUTER_" in str(caught.value)


def test_secrets_do_not_show() -> None:
    settings = read_settings({"CALLROUTER_SECRET_KEY": "x" * 32, "PBX_SECRET": "hidden-secret"})
    assert "hidden-secret" not in repr(settings)
    assert "x" * 32 not in repr(settings)


def test_dotenv_of_the_working_directory_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text('# ours\nCALLROUTER_DATA_DIR="data"\nPBX_SECRET=s3cret\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLROUTER_DATA_DIR", raising=False)
    assert read_settings().data_dir == Path("data")
    assert read_settings().environ["PBX_SECRET"] == "s3cret"
    monkeypatch.setenv("CALLROUTER_DATA_DIR", "elsewhere")
    assert read_settings().data_dir == Path("elsewhere")
