"""Templates on their pages: which there are, tried while one writes, kept by version, back again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData

from callrouter.domain.setup import Entity, Letter
from callrouter.flows.templates import keep, templates_of
from callrouter.flows.visits import enter, new_link
from callrouter.forming.press import Press, shipped
from callrouter.service import Service
from storage import templates
from tests.api.rows import NOON, SETUP, add_card, add_contact, add_document
from tests.pages.conftest import Open, Seen, Site
from tests.pages.markup import Markup
from tests.pictures import png

OWN = {"Sec-Fetch-Site": "same-origin"}
TEMPLATES = "/setup/templates"
LETTER = "<!doctype html><title>КП для {{ customer.company }}</title><body><p>{{ greeting }}</p>"
WRONG = (
    "<!doctype html><title>КП</title><body>\n<p>{{ greeting }}</p>\n<p>{{ customer.salary }}</p>"
)


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    """One for all: its child takes a second to begin."""
    with closing(Press()) as one:
        yield one


@pytest.fixture
async def desk(open_site: Open, service: Service, press: Press) -> Site:
    """A site with letters that use templates."""
    site = await open_site(replace(service, press=press))
    site.setups.current = replace(
        SETUP,
        entity=(Entity("romashka", "ООО «Ромашка»", logo="sign"),),
        letter=(
            Letter("offer", on_status="in_work"),
            Letter("hello", kind="thanks", template="hello", on_status="won"),
        ),
    )
    return site


def text_of(page: Seen) -> str:
    return " ".join(" ".join(Markup(page.text).texts).split())


async def post(site: Site, path: str, **said: Any) -> Seen:
    return await site.ask("POST", f"{TEMPLATES}{path}", data=said, headers=OWN)


async def upload(site: Site, path: str, file: str, body: bytes, /, **said: str) -> Seen:
    form = FormData(said)
    form.add_field("file", BytesIO(body), filename=file, content_type="application/octet-stream")
    return await site.ask("POST", f"{TEMPLATES}{path}", data=form, headers=OWN)


async def in_use(site: Site, name: str, format_: str) -> bytes | None:
    return await site.service.database.read(templates.in_use, name, format_)


async def test_which_there_are_and_what_is_formed_with_each(desk: Site) -> None:
    said = text_of(await desk.get(TEMPLATES))
    assert "offer.typ КП в PDF встроенный Коммерческое предложение · В работе" in said
    assert "offer.docx КП в DOCX встроенный письма по нему не готовятся" in said
    assert "offer.ru.html Письмо встроенный Коммерческое предложение · В работе" in said
    assert "hello.ru.html Письмо нет Благодарность · Оплачено" in said
    assert "sign.png Логотип нет ООО «Ромашка»" in said
    for name, format_ in (("offer", "html"), ("brief.en", "txt")):
        await desk.service.database.write(keep, name, format_, b"x", by="cli", now=NOON)
    said = text_of(await desk.get(TEMPLATES))
    assert "offer.html Письмо свой, версия 1" in said
    assert "offer.ru.html Письмо свой, для всех языков" in said
    assert "brief.en.txt Письмо без оформления свой, версия 1" in said


async def test_a_letter_is_looked_at_while_it_is_written_and_then_used(desk: Site) -> None:
    page = await desk.get(f"{TEMPLATES}/offer.ru.html")
    assert "{{ offer.number }}" in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]

    shown = await post(desk, "/offer.ru.html/preview", text=LETTER.replace("\n", "\r\n"))
    assert shown.status == 200
    assert "КП для ООО «Ромашка»" in text_of(shown)  # the subject
    assert "Пётр" in text_of(shown)
    policy = shown.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox")
    assert await in_use(desk, "offer.ru", "html") is None

    card = await desk.service.database.write(
        lambda conn: add_card(conn, add_contact(conn, "Иван Петров"), number=318)
    )
    real = await post(
        desk, "/offer.ru.html/preview", text="<title>{{ customer.name }}</title>", card="№ 318"
    )
    assert (card != "", "Иван Петров" in text_of(real)) == (True, True)
    nobody = await post(desk, "/offer.ru.html/preview", text=LETTER, card="319")
    assert (nobody.status, "вам не видно" in text_of(nobody)) == (422, True)

    saved = await post(desk, "/offer.ru.html", text=LETTER, version="0")
    assert (saved.status, saved.headers["Location"]) == (303, f"{TEMPLATES}/offer.ru.html?done=1")
    assert await in_use(desk, "offer.ru", "html") == LETTER.encode()
    used = await desk.service.database.read(templates_of, "offer", "html", "ru")
    assert used.body == LETTER.encode()
    assert "Сохранено" in text_of(await desk.get(saved.headers["Location"]))

    late = await post(desk, "/offer.ru.html", text=f"{LETTER}<p>мой текст", version="0")
    assert late.status == 409
    assert "мой текст" in late.text
    assert "Тем временем сохранили другую версию" in text_of(late)
    await desk.service.database.write(keep, "offer.ru", "html", b"newer", by="cli", now=NOON)

    page = await desk.get(f"{TEMPLATES}/offer.ru.html?version=1")
    assert "Версия 1, не используется" in text_of(page)
    assert "{{ customer.company }}" in page.text
    assert (await post(desk, "/offer.ru.html/back", version="1")).status == 303
    assert await in_use(desk, "offer.ru", "html") == LETTER.encode()
    assert (await post(desk, "/offer.ru.html/back", version="0")).status == 303
    assert await in_use(desk, "offer.ru", "html") is None
    assert (await post(desk, "/offer.ru.html/back", version="77")).status == 404


async def test_what_is_wrong_is_said_with_its_line_and_the_text_stays(desk: Site) -> None:
    shown = await post(desk, "/offer.html/preview", text="<title>x</title>\n{% if %}")
    assert shown.status == 422
    assert "строка 2:" in text_of(shown)
    refused = await post(desk, "/offer.html", text=WRONG, version="0")
    assert refused.status == 422
    assert 'data-line="3"' in refused.text
    assert "salary здесь нет. Есть: " in text_of(refused)
    assert "there are" not in text_of(refused)
    assert "&lt;p&gt;{{ customer.salary }}" in refused.text  # as it was typed
    assert await in_use(desk, "offer", "html") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Он пуст."),
        ("<body>{{ greeting }}", "В письме нет <title>: там стоит его тема."),
        ("<title>x</title><script>1</script>", "<script> в письмах нельзя."),
        ("<title>x</title><a href='ftp://x'>", "Ссылка ведёт не на сайт и не на почту: "),
        ("<title>x</title>{% include 'y' %}", "include в шаблонах нельзя."),
    ],
)
async def test_what_is_wrong_with_a_letter_is_said_in_the_readers_words(
    desk: Site, text: str, says: str
) -> None:
    refused = await post(desk, "/offer.html", text=text, version="0")
    assert refused.status == 422
    assert says in text_of(refused)


EVIL = (
    "<title>{{ '<script>' }}</title><body><script>window.ran=1</script><img src=//evil.example/x>"
)


async def test_whatever_a_template_says_nothing_of_it_runs_or_leads_out(desk: Site) -> None:
    for what in ("offer.html", "offer.txt"):
        shown = await post(desk, f"/{what}/preview", text=EVIL)
        policy = shown.headers["Content-Security-Policy"]
        assert "script-src" not in policy  # so default-src 'none' holds for scripts
        assert "img-src data:;" in policy
        assert policy.endswith("; sandbox")
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
    page = await desk.get(f"{TEMPLATES}/offer.html")
    assert re.search(r"<iframe [^>]*\bsandbox(?=[ >])", page.text)


async def test_an_offer_is_formed_to_be_looked_at(desk: Site) -> None:
    source = shipped("offer", "typ", "ru").body.decode()
    made = await desk.service.database.write(
        lambda conn: add_document(conn, add_card(conn, add_contact(conn), number=318)) and None
    )
    assert made is None
    for card in ("", "318"):
        async with desk.session.post(
            f"{desk.url}{TEMPLATES}/offer.typ/preview",
            data={"text": source, "card": card},
            headers={**OWN, "Cookie": desk.cookie},
        ) as answer:
            assert answer.status == 200
            assert (await answer.read()).startswith(b"%PDF")
            assert answer.headers["Content-Disposition"].startswith("attachment;")
    for format_ in ("docx", "odt"):
        async with desk.session.post(
            f"{desk.url}{TEMPLATES}/offer.{format_}/preview",
            data={},
            headers={**OWN, "Cookie": desk.cookie},
        ) as answer:
            assert (answer.status, (await answer.read())[:2]) == (200, b"PK")
    wrong = await post(desk, "/offer.typ/preview", text="#panic()")
    assert wrong.status == 422


async def test_files_are_brought_and_taken_away(desk: Site) -> None:
    body = shipped("offer", "odt", "ru").body
    done = await upload(desk, "", "Наше КП.odt", body, name="offer")
    assert (done.status, done.headers["Location"]) == (303, f"{TEMPLATES}/offer.odt?done=1")
    assert await in_use(desk, "offer", "odt") == body
    async with desk.session.get(
        f"{desk.url}{TEMPLATES}/offer.odt/source", headers={"Cookie": desk.cookie}
    ) as answer:
        assert await answer.read() == body
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    logo = await upload(desk, "/sign.png", "any name.png", png(10, 10))
    assert (logo.status, await in_use(desk, "sign", "png")) == (303, png(10, 10))
    for name, content, says in (
        ("x.exe", b"MZ", "Окончание имени может быть"),
        ("offer.docx", b"no zip", "это не файл docx"),
        ("sign.png", b"no picture", "должна быть в PNG"),
        ("offer.typ", b"x" * (4 * 1024**2 + 1), "слишком велик"),
        ("offer.odt", b"", "Он пуст"),
    ):
        refused = await upload(desk, "", name, content)
        assert (refused.status, says in text_of(refused)) == (422, True), (name, text_of(refused))
    assert "Файл не выбран." in text_of(await post(desk, ""))


async def test_previews_wait_for_each_other_and_do_not_pile_up(desk: Site) -> None:
    asked = [post(desk, "/offer.html/preview", text=LETTER) for _ in range(12)]
    found = [one.status for one in await asyncio.gather(*asked)]
    assert found.count(200) >= 4
    assert set(found) <= {200, 422}
    assert found.count(422) >= 1


async def test_who_may_only_look_reads_the_text_and_changes_nothing(desk: Site) -> None:
    link = await desk.service.database.write(new_link, now=NOON, role="head")
    cookie = await desk.service.database.write(enter, link, now=NOON)
    desk.cookie = f"{desk.cookie.split('=')[0]}={cookie}"
    page = await desk.get(f"{TEMPLATES}/offer.ru.html")
    assert "readonly" in page.text
    assert "Проверить и использовать" not in text_of(page)
    assert "Загрузить файл" not in text_of(await desk.get(TEMPLATES))
    assert (await post(desk, "/offer.ru.html", text=LETTER, version="0")).status == 403
    assert (await post(desk, "/offer.ru.html/preview", text=LETTER)).status == 403


async def test_what_no_page_of_ours_sends_is_answered_too(desk: Site) -> None:
    for path in ("", "/source"):
        page = await desk.get(f"{TEMPLATES}/offer.ru.html{path}?version=²")
        assert page.status == 200, path
    for card in ("9" * 20, "2147483648", "٩٩٩٩٩٩٩٩٩٩٩٩"):
        page = await post(desk, "/offer.ru.html/preview", text=LETTER, card=card)
        assert (page.status, "вам не видно" in text_of(page)) == (422, True)
    assert (await post(desk, "/nothing.docx/preview")).status == 404
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        page = await desk.ask(
            "POST", TEMPLATES, data=b"--y\r\n\r\n--y--", headers={**OWN, "Content-Type": kind}
        )
        assert (page.status, "Файл не выбран" in text_of(page)) == (422, True), kind


@pytest.mark.parametrize("file", ["offer.exe", "of..fer.typ", "nothing.docx", "offer.de.html"])
async def test_what_cannot_be_there_is_not_there(desk: Site, file: str) -> None:
    assert (await desk.get(f"{TEMPLATES}/{file}")).status == 404
