"""Evil templates: none gets out, none keeps the press from the next work, and canaries do sing."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import typst
from lxml import etree
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from callrouter.forming.press import (
    BadTemplate,
    Formed,
    Press,
    Template,
    TooMuch,
    shipped,
)
from callrouter.forming.values import offer_values
from tests.forming.attacks import SECRET, Attack, Canary, all_attacks, jinja_payloads
from tests.forming.papers import LETTER, OFFER

BAIT = {**offer_values(OFFER), **LETTER}
FORMATS = {"typ": "pdf", "docx": "docx", "odt": "odt"}


UNGUARDED = "import sys, jinja2; print(jinja2.Environment().from_string(sys.argv[1]).render())"


class Listener:
    """Counts who connects to it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.heard = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.heard += 1
            peer.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def canary(tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Canary:
    file = tmp_path / "canary.txt"
    file.write_text(SECRET)
    monkeypatch.setenv("CALLROUTER_SECRET_KEY", SECRET)
    return Canary(file, tmp_path, listener.port)


async def tried(press: Press, attack: Attack) -> bytes | BadTemplate:
    """All that an attack brought out, as one heap of bytes; or how it was refused."""
    template = Template(attack.name, attack.format, attack.body, text=attack.text)
    try:
        if attack.format == "html":
            formed = await press.letter(template, BAIT)
            return f"{formed.subject}{formed.html}{formed.text}".encode()
        file = await press.offer(OFFER, template, FORMATS[attack.format])  # type: ignore[arg-type]
    except BadTemplate as refused:
        return refused
    return file + said_in(file)


def said_in(file: bytes) -> bytes:
    if file.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(file)) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    try:
        reader = PdfReader(BytesIO(file))
        return "".join(page.extract_text() for page in reader.pages).encode()
    except PyPdfError:
        return b""


def told(outcome: bytes | BadTemplate) -> bytes:
    return str(outcome).encode() if isinstance(outcome, BadTemplate) else outcome


def test_there_are_many_attacks_each_of_its_own(canary: Canary) -> None:
    attacks = all_attacks(canary)
    assert len({attack.name for attack in attacks}) == len(attacks) >= 300
    assert {attack.format for attack in attacks} == {"html", *FORMATS}


@pytest.mark.slow
@pytest.mark.parametrize("fmt", ["html", *FORMATS])
async def test_no_template_gets_out(
    press: Press, canary: Canary, listener: Listener, fmt: str
) -> None:
    attacks = [attack for attack in all_attacks(canary) if attack.format == fmt]
    before = sorted(canary.folder.iterdir())
    escapes, through = [], []
    for attack in attacks:
        outcome = await tried(press, attack)
        if SECRET.encode() in told(outcome) or b"root:x:0" in told(outcome):
            escapes.append(attack.name)
        if attack.refused and not isinstance(outcome, BadTemplate):
            through.append(attack.name)
    assert (escapes, through) == ([], [])
    assert listener.heard == 0
    assert sorted(canary.folder.iterdir()) == before
    assert await press.offer(OFFER, shipped("offer", "pdf", "ru"), "pdf")


@pytest.mark.parametrize(
    ("fmt", "body"),
    [
        pytest.param("typ", b'#read("/etc/passwd")', id="a file"),
        pytest.param("typ", b'#import "@preview/example:0.1.0": *', id="a package"),
        pytest.param("html", b"<title>x</title>{{ ''.__class__.__mro__ }}", id="a class"),
        pytest.param("html", b"<title>x</title>{{ 'a' * 9 }}", id="a text multiplied"),
        pytest.param("html", b"<title>x</title>{{ customer.name|safe }}", id="unescaped"),
        pytest.param("html", b"<title>x</title><script>x</script>", id="a script"),
        pytest.param("html", b"<title>x</title><a href='{{ customer.name }}'>x</a>", id="a link"),
        pytest.param("docx", b"PK", id="half a file"),
    ],
)
async def test_a_bad_template_is_refused_and_the_next_one_is_served(
    press: Press, fmt: str, body: bytes
) -> None:
    attack = Attack("one", fmt, body)
    assert isinstance(await tried(press, attack), BadTemplate)
    assert await press.offer(OFFER, shipped("offer", "pdf", "ru"), "pdf")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("#for a in range(100000) { for b in range(100000) { } }", id="work"),
        pytest.param('#("a" * 10000000000)', id="memory"),
        pytest.param("#let f(n) = f(n + 1)\n#f(0)", id="depth"),
        pytest.param("#for i in range(1000000) [#pagebreak()]", id="pages"),
    ],
)
async def test_a_template_that_wants_too_much_costs_itself_only(press: Press, body: str) -> None:
    with pytest.raises(TooMuch):
        await press.offer(OFFER, Template("x", "typ", body.encode()), "pdf")
    assert await press.offer(OFFER, shipped("offer", "pdf", "ru"), "pdf")


async def test_the_canaries_sing_where_nothing_is_guarded(
    canary: Canary, listener: Listener
) -> None:
    payload = next(one for one in jinja_payloads(canary) if "cycler.__init__" in one)
    rendered = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", UNGUARDED, payload], capture_output=True, check=True
    )
    assert SECRET.encode() in rendered.stdout
    assert listener.heard == 1
    assert (canary.folder / "pwned").exists()
    pdf = typst.Compiler(f'#read("{canary.file}")'.encode(), root=Path("/")).compile(format="pdf")
    assert isinstance(pdf, bytes)
    assert SECRET.encode() in said_in(pdf)
    entity = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{canary.file}">]><a>&x;</a>'
    parser = etree.XMLParser(resolve_entities=True, load_dtd=True)
    assert etree.fromstring(entity.encode(), parser).text == SECRET


async def test_data_is_never_a_template(press: Press) -> None:
    evil = "{{ 7 * 7 }}{% raw %}<script>alert(1)</script>#panic()"
    values = {**LETTER, "greeting": evil}
    formed: Formed = await press.letter(shipped("offer", "html", "ru"), values)
    assert "&lt;script&gt;" in formed.html
    assert evil in formed.text
