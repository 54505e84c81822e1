"""A letter's bytes: what a mail program reads in them, and what cannot get into them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.letters import Outgoing
from callrouter.outside.message import File, Mail, Unsendable, read_address, write

NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
LETTER = Outgoing(
    id="L1",
    message_id="<offer.1.card42@romashka.example>",
    manager="anna",
    sender_name="Анна Смирнова, Ромашка",
    reply_to="anna@romashka.example",
    to="ivan@example.com",
    to_name="Иван Петров",
    copy_to="anna@romashka.example",
    subject="Коммерческое предложение № 15 от 12.03.2026 — «Ромашка», поставка и монтаж оборудования",
    html="<p>Добрый день, Иван!</p>",
    text="Добрый день, Иван!\n.\nFrom here on\n",
)
PDF = File("КП № 15 от 12.03.2026 — Ромашка.pdf", "application/pdf", b"%PDF-1.7\r\n.\r\n\x00\xff")
SENDER = "sales@romashka.example"


def made(letter: Outgoing = LETTER, *files: File) -> Mail:
    return write(letter, files, SENDER, now=NOW)


def read(mail: Mail) -> EmailMessage:
    found = message_from_bytes(mail.data, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def headers_of(mail: Mail) -> str:
    return mail.data.partition(b"\r\n\r\n")[0].decode()


def test_what_the_customer_sees() -> None:
    found = read(made(LETTER, PDF))
    assert found["From"].addresses == (Address("Анна Смирнова, Ромашка", addr_spec=SENDER),)
    assert found["To"].addresses == (Address("Иван Петров", addr_spec="ivan@example.com"),)
    assert str(found["Reply-To"]) == "anna@romashka.example"
    assert str(found["Subject"]) == LETTER.subject
    assert found["Date"].datetime == NOW
    assert found["Message-ID"] == LETTER.message_id
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["List-Unsubscribe"] is None
    html, text = found.get_body(("html",)), found.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert html.get_content().strip() == LETTER.html
    assert text.get_content().splitlines() == LETTER.text.splitlines()
    (file,) = found.iter_attachments()
    assert file.get_filename() == PDF.title
    assert file.get_content_type() == PDF.type
    assert file.get_content() == PDF.data


def test_how_its_parts_lie_in_each_other() -> None:
    assert [part.get_content_type() for part in read(made(LETTER, PDF)).walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
    ]
    assert [part.get_content_type() for part in read(made()).walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_nobody_reads_in_it_who_gets_a_copy() -> None:
    data = made(replace(LETTER, copy_to="secret@romashka.example"), PDF).data
    assert b"secret" not in data
    assert b"bcc" not in data.lower()


def test_each_line_is_one_that_every_server_takes() -> None:
    mail = made(replace(LETTER, text="я" * 5000, html="<p>" + "ъ" * 5000), PDF)
    lines = mail.data.split(b"\r\n")
    assert max(len(line) for line in lines) < 998
    assert mail.data.isascii()
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    short = [line for line in lines if not line.strip().startswith((b"filename*", b"name="))]
    assert max(len(line) for line in short) <= 78


def test_a_file_is_named_for_old_programs_too() -> None:
    head = made(LETTER, PDF).data.decode()
    assert 'filename="KP No. 15 ot 12.03.2026 - Romashka.pdf"' in head
    assert "filename*=UTF-8''%D0%9A%D0%9F%20%E2%84%96%2015" in head
    assert re.search(r'name="=\?utf-8\?[bq]\?', head)


def test_a_name_that_no_line_holds_is_shortened_and_keeps_its_ending() -> None:
    long = replace(PDF, title="Предложение " * 40 + ".pdf")
    (file,) = read(made(LETTER, long)).iter_attachments()
    name = file.get_filename() or ""
    assert name.startswith("Предложение Предложение")
    assert name.endswith(".pdf")
    assert max(len(line) for line in made(LETTER, long).data.split(b"\r\n")) < 998


def test_a_promotional_letter_says_how_to_get_no_more() -> None:
    url = "https://calls.example/letters/stop/" + "t" * 200
    found = read(made(replace(LETTER, opt_out_url=url)))
    assert found["List-Unsubscribe"] == f"<{url}>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_same_letter_has_the_same_headers_on_every_try() -> None:
    later = write(LETTER, (), SENDER, now=NOW.replace(hour=12))
    before, after = headers_of(made()), headers_of(later)
    dated = re.compile(r"^(Date|Content-Type): [^\r]*(\r\n [^\r]*)*", re.MULTILINE)
    assert dated.sub("", before) == dated.sub("", after)


@pytest.mark.parametrize(
    ("given", "sent_as"),
    [
        ("user@пример.рф", "user@xn--e1afmkfd.xn--p1ai"),
        ("Анна@почта.рф", "Анна@xn--80a1acny.xn--p1ai"),
        ("a.b+c@Example.COM", "a.b+c@example.com"),
    ],
)
def test_addresses_in_other_alphabets(given: str, sent_as: str) -> None:
    """A domain can be said in ASCII; what stands before it, only by SMTPUTF8."""
    mail = made(replace(LETTER, to=given))
    assert (mail.to, mail.utf8) == (sent_as, not sent_as.isascii())
    assert mail.data.isascii() != mail.utf8
    found = message_from_bytes(mail.data, policy=policy.SMTPUTF8)
    assert sent_as in str(found["To"])


def changed(field: str, text: str) -> Outgoing:
    changes: dict[str, Any] = {field: text}
    return replace(LETTER, **changes)


BREAKS = ["\r\nBcc: evil@example.com", "\n x", "\r", "\0", "\u2028", "\u2029", "\x0b", "\x85"]


@pytest.mark.parametrize("evil", BREAKS)
@pytest.mark.parametrize("field", ["sender_name", "to_name", "subject"])
def test_no_text_becomes_a_header(field: str, evil: str) -> None:
    with pytest.raises(Unsendable, match=field):
        made(changed(field, f"Иван{evil}"))


@pytest.mark.parametrize("evil", [*BREAKS, ",second@example.com", " second@example.com", ">", '"'])
@pytest.mark.parametrize("field", ["to", "reply_to"])
def test_no_address_becomes_two(field: str, evil: str) -> None:
    with pytest.raises(Unsendable, match=field):
        made(changed(field, f"ivan@example.com{evil}"))


@pytest.mark.parametrize(
    "address",
    ["", "ivan", "@example.com", "a@b@c", "Иван <i@example.com>", "i@example.com;", "a..b@c.ru"],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(Unsendable, match="is not one mail address"):
        read_address("to", address)


@pytest.mark.parametrize(
    ("letter", "field"),
    [
        (replace(LETTER, message_id="<a@b>\r\nX: y"), "message_id"),
        (replace(LETTER, message_id="a@b"), "message_id"),
        (replace(LETTER, opt_out_url="https://x/>,<mailto:evil@example.com"), "opt_out_url"),
        (replace(LETTER, opt_out_url="javascript:1"), "opt_out_url"),
        (replace(LETTER, text="a\0b"), "text"),
        (replace(LETTER, subject="я" * 600), "subject"),
    ],
)
def test_other_things_that_cannot_be_sent(letter: Outgoing, field: str) -> None:
    with pytest.raises(Unsendable, match=field):
        made(letter)


@pytest.mark.parametrize(
    "file",
    [replace(PDF, title="a\r\nb.pdf"), replace(PDF, type="a\r\nb/c"), replace(PDF, title="")],
)
def test_files_that_cannot_be_sent(file: File) -> None:
    with pytest.raises(Unsendable, match="attachment"):
        made(LETTER, file)


@given(st.text(max_size=200), st.text(max_size=100), st.text(max_size=120))
def test_any_text_is_refused_or_read_back_as_it_was(name: str, subject: str, title: str) -> None:
    letter = replace(LETTER, to_name=name, subject=subject)
    try:
        mail = made(letter, replace(PDF, title=title))
    except Unsendable:
        return
    found = read(mail)
    assert sorted(found.keys()) == sorted(read(made()).keys())
    assert [one.addr_spec for one in found["To"].addresses] == ["ivan@example.com"]
    assert len(list(found.iter_attachments())) == 1
    assert re.sub(r"\s+", "", str(found["Subject"])) == re.sub(r"\s+", "", subject)
