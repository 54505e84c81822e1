"""The press: what it forms says what the offer says; children that die cost one work at most."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from callrouter.domain.offers import Format
from callrouter.domain.setup import Language
from callrouter.forming import press as presses
from callrouter.forming.press import BadTemplate, Press, Template, TooMuch, shipped
from tests.forming.attacks import docx_with, odt_with, parts_of
from tests.forming.papers import LETTER, LONG, OFFER, PUMP, offer_of, pages_of, text_of

FORMATS: tuple[Format, ...] = ("pdf", "docx", "odt")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000020000000108020000007b40e8dd0000000d494441"
    "5478da6390b78a072200048f0171263951ba0000000049454e44ae426082"
)


@pytest.mark.parametrize("fmt", FORMATS)
async def test_a_file_says_all_that_the_offer_says(press: Press, fmt: Format) -> None:
    offer = replace(OFFER, replaces="КП-2026-0014")
    text = text_of(await press.offer(offer, shipped("offer", fmt, "ru"), fmt), fmt)
    for said in (
        "Коммерческое предложение",
        "№ КП-2026-0015",
        "от 12.03.2026",
        "взамен № КП-2026-0014",
        "ООО «Вектор»",
        "ИНН 7701234567",
        "ООО «Ромашка»",
        "Анна, здравствуйте! Предлагаем вам:",
        "Насос UPS 25-60",
        "12 345,50",
        "24 691,00 ₽",
        "в том числе НДС 20 %",
        "Двадцать четыре тысячи шестьсот девяносто один рубль 00 копеек",
        "Срок поставки: 10 рабочих дней.",
        "26.03.2026",
        "Вера Смирнова",
        "+7 495 123-45-67",
        "Генеральный директор",
        "И. П. Соколов",
        "не является публичной офертой",
    ):
        assert said in text, said


async def test_a_long_offer_repeats_its_head_and_counts_its_pages(press: Press) -> None:
    pages = pages_of(await press.offer(LONG, shipped("offer", "pdf", "ru"), "pdf"))
    assert len(pages) > 2
    for n, page in enumerate(pages, 1):
        assert f"стр. {n} из {len(pages)}" in page
    for page in pages[:-1]:
        assert "Наименование" in page
    signed = next(page for page in pages if "И. П. Соколов" in page)
    assert "Предложение действительно до" in signed
    summed = next(page for page in pages if "Сумма прописью" in page)
    assert "Итого" in summed


async def test_a_long_name_breaks_and_a_sum_does_not(press: Press) -> None:
    item = replace(PUMP, name="Насосная установка " * 11, price=PUMP.price * 100_000)
    text = text_of(await press.offer(offer_of([item]), shipped("offer", "pdf", "ru"), "pdf"), "pdf")
    assert "2 469 100 000,00 ₽" in text


async def test_an_english_offer_is_made_by_the_same_template(press: Press) -> None:
    offer = replace(OFFER, language="en", number="")
    text = text_of(await press.offer(offer, shipped("offer", "pdf", "en"), "pdf"), "pdf")
    assert "No. will be given" in text
    assert "This offer is not a public offer." in text
    assert "24,691.00 ₽" in text


@pytest.mark.parametrize("fmt", FORMATS)
async def test_a_logo_is_put_where_there_is_one(press: Press, fmt: Format) -> None:
    template = replace(shipped("offer", fmt, "ru"), images={"logo": PNG})
    without = await press.offer(OFFER, template, fmt)
    entity = replace(OFFER.entity, logo="logo")
    with_it = await press.offer(replace(OFFER, entity=entity), template, fmt)
    if fmt == "pdf":
        counted = [len(PdfReader(BytesIO(one)).pages[0].images) for one in (without, with_it)]
        assert counted == [0, 1]
    else:
        assert PNG not in parts_of(without).values()
        assert PNG in parts_of(with_it).values()


async def test_a_logo_that_is_no_picture_is_refused(press: Press) -> None:
    template = replace(shipped("offer", "pdf", "ru"), images={"logo": b"GIF89a"})
    entity = replace(OFFER.entity, logo="logo")
    with pytest.raises(BadTemplate, match="PNG"):
        await press.offer(replace(OFFER, entity=entity), template, "pdf")


@pytest.mark.slow
@pytest.mark.parametrize("fmt", ["docx", "odt"])
async def test_libreoffice_opens_it(press: Press, fmt: Format, tmp_path: Path) -> None:
    office = shutil.which("soffice")
    assert office, "LibreOffice is not installed: apt-get install libreoffice-writer-nogui"
    file = tmp_path / f"offer.{fmt}"
    file.write_bytes(await press.offer(LONG, shipped("offer", fmt, "ru"), fmt))
    home = f"-env:UserInstallation=file://{tmp_path}/home"
    convert = [office, home, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path)]
    subprocess.run([*convert, str(file)], check=True, capture_output=True, timeout=250)
    pages = pages_of((tmp_path / "offer.pdf").read_bytes())
    assert len(pages) > 2
    assert "Насос 119" in " ".join(pages)
    assert all("Наименование" in page for page in pages[:2])
    assert "стр. 2 из" in pages[1]


# Letters


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("name", ["offer", "brief", "thanks"])
async def test_a_letter_names_who_writes_and_fetches_nothing(
    press: Press, name: str, language: Language
) -> None:
    formed = await press.letter(shipped(name, "html", language), LETTER)
    assert "ООО «Вектор»" in formed.subject
    for said in ("Здравствуйте, Анна!", "Вера Смирнова", "+7 495 123-45-67", "КП № 15.pdf"):
        assert said in formed.html
        assert said in formed.text
    assert "<style" not in formed.html
    assert 'style="' in formed.html
    assert "http" not in formed.html
    assert "{" not in formed.text


async def test_only_a_promotional_letter_has_an_opt_out_link(press: Press) -> None:
    link = "https://call.example/no/abc"
    template = shipped("brief", "html", "ru")
    promotional = await press.letter(template, {**LETTER, "opt_out_url": link})
    assert f'href="{link}"' in promotional.html
    assert link in promotional.text
    usual = await press.letter(template, LETTER)
    assert "Не получать" not in usual.html + usual.text


# Checking


@pytest.mark.parametrize(
    ("name", "fmt"),
    [
        ("offer", "typ"),
        pytest.param("offer", "docx", marks=pytest.mark.slow),
        ("offer", "odt"),
        ("offer", "html"),
        ("brief", "html"),
    ],
)
async def test_what_we_ship_has_nothing_wrong(press: Press, name: str, fmt: str) -> None:
    assert await press.check(shipped(name, fmt, "ru")) == ()


@pytest.mark.parametrize(
    ("template", "place", "problem"),
    [
        pytest.param(
            Template("x", "html", b"<title>x</title>\n{% if 0 %}{{ offer.nmber }}{% endif %}"),
            "line 2",
            "there is no nmber here",
            id="a name that is never reached",
        ),
        pytest.param(
            Template("x", "html", b"<title>x</title>{% for a in attachments %}{{ b }}{% endfor %}"),
            "line 1",
            "there is no b;",
            id="a name in a loop",
        ),
        pytest.param(
            Template("x", "html", b"<title>x</title>", text=b"{{ foo }}"),
            "text",
            "there is no foo;",
            id="a name in the text",
        ),
        pytest.param(
            Template("x", "docx", docx_with("{{ customer.nme }}")),
            "document",
            "there is no nme here",
            id="a name in a DOCX",
        ),
        pytest.param(
            Template("x", "odt", odt_with("{% for r in rows %}{{ r.prise }}{% endfor %}")),
            "content.xml",
            "there is no prise here",
            id="a name in an ODT",
        ),
        pytest.param(
            Template("x", "odt", odt_with("{{ rows.name }}")),
            "content.xml",
            "go through it with for",
            id="a list as if it were one",
        ),
        pytest.param(
            Template(
                "x", "typ", b"#let offer = json(bytes(sys.inputs.offer))\n#offer.customer.nme"
            ),
            "line 2",
            "does not contain key",
            id="a name in typst",
        ),
        pytest.param(
            Template("x", "html", b"<title>x</title>\n\n{% if"), "line 3", "", id="a slip"
        ),
        pytest.param(
            Template("x", "html", b"<title>x</title>{{ greeting|shout }}"),
            "line 1",
            "shout",
            id="a filter",
        ),
        pytest.param(Template("x", "html", b"<p>x</p>"), "", "subject", id="no subject"),
        pytest.param(
            Template(
                "x",
                "html",
                b"<title>x</title>\n{% if not opt_out_url %}{{ attachments[0] }}{% endif %}",
            ),
            "line 2",
            "",
            id="what only some letters lack",
        ),
        pytest.param(Template("x", "xls", b""), "", "not xls", id="another format"),
        pytest.param(Template("x", "typ", b"x" * 5_000_000), "", "at most", id="too large"),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(
    press: Press, template: Template, place: str, problem: str
) -> None:
    found = await press.check(template)
    assert found[0].place == place
    assert problem in found[0].problem


async def test_a_file_is_formed_from_a_template_of_its_kind_only(press: Press) -> None:
    with pytest.raises(BadTemplate, match="formed from typ"):
        await press.offer(OFFER, shipped("offer", "docx", "ru"), "pdf")


@pytest.mark.parametrize(("name", "fmt"), [("nothing", "typ"), ("../pages/base", "html")])
def test_what_we_do_not_ship_is_not_found(name: str, fmt: str) -> None:
    with pytest.raises(LookupError):
        shipped(name, fmt, "ru")


# Children


async def test_words_that_libreoffice_tore_apart_are_read_whole(press: Press) -> None:
    torn = odt_with("{<text:span>{</text:span> num<text:span>ber }</text:span>}")
    file = await press.offer(OFFER, Template("x", "odt", torn), "odt")
    assert text_of(file, "odt").startswith("№ КП-2026-0015")


async def test_a_child_has_no_environment_and_can_open_nothing(press: Press) -> None:
    await press.offer(OFFER, shipped("offer", "pdf", "ru"), "pdf")
    child = Path("/proc") / str(press._idle[0].pid)
    assert (child / "environ").read_bytes() == b""
    limits = (child / "limits").read_text()
    assert re.search(r"Max open files +3 +3 ", limits)
    assert re.search(r"Max file size +0 +0 ", limits)
    assert len(list((child / "fd").iterdir())) == 3


async def test_a_child_that_is_killed_while_idle_costs_nothing(press: Press) -> None:
    template = shipped("offer", "pdf", "ru")
    await press.offer(OFFER, template, "pdf")
    os.kill(press._idle[0].pid, signal.SIGKILL)
    press._idle[0]._process.wait()
    assert await press.offer(OFFER, template, "pdf")


async def test_a_child_that_is_killed_at_work_costs_that_work(press: Press) -> None:
    template = shipped("offer", "pdf", "ru")
    await press.offer(OFFER, template, "pdf")
    pid = press._idle[0].pid
    os.kill(pid, signal.SIGSTOP)
    work = asyncio.create_task(press.offer(OFFER, template, "pdf"))
    await asyncio.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(TooMuch, match="signal 9"):
        await work
    assert await press.offer(OFFER, template, "pdf")


async def test_a_child_is_renewed_after_its_share_of_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presses, "MOST_RENDERS", 2)
    press = Press()
    pids = set()
    for _ in range(4):
        await press.letter(shipped("thanks", "html", "ru"), LETTER)
        pids.add(press._idle[0].pid)
    press.close()
    assert len(pids) == 3


async def test_two_children_serve_many_at_once() -> None:
    press = Press(children=2)
    template = shipped("offer", "pdf", "ru")
    files = await asyncio.gather(*(press.offer(OFFER, template, "pdf") for _ in range(8)))
    assert all(file.startswith(b"%PDF") for file in files)
    pids = [child.pid for child in press._idle]
    assert len(pids) == 2
    press.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
