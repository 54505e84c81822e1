"""`callrouter template`: brings templates, lists their versions, and goes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from callrouter.forming.press import shipped
from tests.commands import COMPANY, alone_in, done, failed
from tests.pictures import png

LINE = '\n[[line]]\nnumber = "+74951230001"\nlast_resort = "+74950000000"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = alone_in(tmp_path, monkeypatch)
    (folder / "setup.toml").write_text(COMPANY + LINE, encoding="utf-8")
    done("apply", "setup.toml")
    return folder


def test_a_logo_is_brought_and_taken_back(folder: Path) -> None:
    assert "shipped" in done("template", "list")
    (folder / "logo.png").write_bytes(png())
    assert done("template", "add", "logo.png").startswith("logo.png is in use, version 1.")
    (folder / "other.png").write_bytes(png(8))
    done("template", "add", "other.png", "--name", "logo")
    assert [line.split(",")[0] for line in done("template", "show", "logo.png").splitlines()] == [
        "logo.png  version 2 by cli",
        "logo.png  version 1 by cli",
    ]
    assert done("template", "back", "logo.png", "1") == (
        "logo.png is in use as it was in version 1; it is version 3 now.\n"
    )
    assert done("template", "list").startswith("logo.png  version 3 by cli, 1 KB, from ")
    assert "shipped" in done("template", "back", "logo.png", "0")
    assert "shipped" in done("template", "list")


def test_a_file_that_cannot_be_used_is_named_with_the_reason(folder: Path) -> None:
    (folder / "logo.png").write_bytes(b"\xff\xd8\xff")
    for act in ("add", "check"):
        told = failed("template", act, "logo.png")
        assert "logo.png cannot be used, and nothing was kept:\n  an image must be a PNG" in told
    (folder / "offer.exe").write_bytes(b"MZ")
    assert "typ, docx, odt, html, txt, png" in failed("template", "add", "offer.exe")


def test_what_is_not_there_is_told(folder: Path) -> None:
    assert folder.is_dir()
    assert "nobody brought" in failed("template", "show", "offer.typ")
    assert "no version 4" in failed("template", "back", "offer.typ", "4")


@pytest.mark.slow
def test_a_template_is_tried_before_it_is_used(folder: Path) -> None:
    ours = shipped("offer", "html", "ru").body
    (folder / "offer.html").write_bytes(ours)
    assert "can be used" in done("template", "check", "offer.html")
    assert "shipped" in done("template", "list")
    (folder / "offer.html").write_bytes(ours.replace(b"</body>", b"{{ offer.numbr }}</body>"))
    assert "numbr" in failed("template", "add", "offer.html")
