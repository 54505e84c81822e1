"""What comes to the door for recordings is kept whole or not at all, and trust comes first."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from callrouter.flows.recordings import Upload
from storage.files import Draft, Folder
from tests.sounds import MP3, OPUS, THEORA, announcing, wav
from tests.webhooks.door import PATIENCE_S, Door
from tests.webhooks.examples import NEXT_SECRET, SECRET, Memory
from webhooks.handler import SERVER_OPTIONS, FrontDoor
from webhooks.uploads import Limits, UploadDoor

TRUST = f"Authorization: Bearer {SECRET}"
PATH = "/webhooks/pbx/main/recordings/c-1"
SOUND = wav(2.0)


@dataclass
class Page:
    draft: Draft
    shelf: Shelf

    @property
    def size(self) -> int:
        return self.draft.size

    @property
    def digest(self) -> str:
        return self.draft.digest

    async def write(self, data: bytes) -> None:
        self.draft.write(data)

    async def head(self, size: int) -> bytes:
        return self.draft.head(size)

    async def keep(self, upload: Upload) -> None:
        self.draft.keep(upload.file)
        self.shelf.kept.append(upload)


@dataclass
class Shelf:
    """Keeps files in a folder, and what was said of them in a list."""

    folder: Folder
    busy: bool = False
    begun: int = 0
    kept: list[Upload] = field(default_factory=list)

    @asynccontextmanager
    async def draft(self, size: int) -> AsyncIterator[Page]:
        self.begun += 1
        self.folder.make_sure_of_room(size)
        draft = self.folder.begin()
        try:
            yield Page(draft, self)
        finally:
            draft.drop()

    @property
    def files(self) -> list[bytes]:
        return [one.read_bytes() for one in self.folder.root.rglob("*") if one.is_file()]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(Folder(tmp_path))


@pytest.fixture
def takes() -> Memory:
    return Memory()


@pytest.fixture
async def door(takes: Memory, shelf: Shelf) -> AsyncIterator[Door]:
    limits = Limits(most_bytes=100_000, still_s=0.3, grace_s=0.6, per_s=100_000, send_s=0.5)
    app = web.Application()
    app.add_routes(FrontDoor(takes, "https://crm.example/").routes())
    app.add_routes(UploadDoor(takes, shelf, "https://crm.example/", limits).routes())
    runner = web.AppRunner(app, **SERVER_OPTIONS)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert runner.server is not None
        yield Door(site.port, runner.server)
    finally:
        await runner.cleanup()


def head(*headers: str, path: str = PATH, length: int | None = None, method: str = "PUT") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: crm.example", "Connection: close", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def put(file: bytes = SOUND, *headers: str, path: str = PATH, length: int | None = None) -> bytes:
    return head(*(headers or (TRUST,)), path=path, length=length or len(file)) + file


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    parts = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head(TRUST, "Transfer-Encoding: chunked") + parts + end


def basic(user_and_password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(user_and_password.encode()).decode()


# What is kept

SIGNED = ("webhook-id: 1", "webhook-timestamp: 1", "webhook-signature: v1,x")
KEPT = [
    pytest.param(put(), SOUND, "wav", id="a WAV"),
    pytest.param(put(MP3), MP3, "mp3", id="an MP3"),
    pytest.param(put(OPUS), OPUS, "ogg", id="Opus"),
    pytest.param(put(SOUND, basic(f"pbx:{SECRET}")), SOUND, "wav", id="Basic"),
    pytest.param(put(SOUND, basic(f":{NEXT_SECRET}")), SOUND, "wav", id="the other secret"),
    pytest.param(put(SOUND, TRUST, "Content-Type: text/html"), SOUND, "wav", id="a lying type"),
    pytest.param(put(SOUND, TRUST, *SIGNED), SOUND, "wav", id="a signature besides"),
    pytest.param(chunked(SOUND[:9], SOUND[9:]), SOUND, "wav", id="chunked"),
    pytest.param(put(SOUND, TRUST, "Expect: 100-continue"), SOUND, "wav", id="Expect, no waiting"),
    pytest.param(
        put(announcing(SOUND, 0)), announcing(SOUND, 0), "wav", id="a head that was not mended"
    ),
]


@pytest.mark.parametrize(("sent", "file", "type_"), KEPT)
async def test_sound_is_kept_as_it_came(
    door: Door, shelf: Shelf, sent: bytes, file: bytes, type_: str
) -> None:
    heard = await door.knock(sent)
    (upload,) = shelf.kept
    assert (upload.type, upload.size) == (type_, len(file))
    assert upload.digest == hashlib.sha256(file).hexdigest()
    assert (upload.account, upload.call_ref, upload.leg, upload.kind) == (
        "main",
        "c-1",
        None,
        "talk",
    )
    assert shelf.files == [file]
    assert (
        heard.answer.rpartition(b"\r\n\r\n")[2]
        == json.dumps(
            {"ok": True, "recording_id": upload.id, "bytes": len(file), "sha256": upload.digest}
        ).encode()
    )


async def test_the_address_says_what_it_is_of(door: Door, shelf: Shelf) -> None:
    base = "/webhooks/pbx/main/recordings/"
    for path in (
        "a%40b.example%3B1%2F2?leg_id=PJSIP%2F101-0001&kind=message&pass=1",
        "1700.10?kind=talk&leg_id=",
        "%D0%B7%D0%B2%D0%BE%D0%BD%D0%BE%D0%BA",
        "..%2F..%2Fetc%2Fpasswd",
    ):
        assert (await door.knock(put(path=base + path))).status == 200
    said = [(one.call_ref, one.leg, one.kind) for one in shelf.kept]
    assert said == [
        ("a@b.example;1/2", "PJSIP/101-0001", "message"),
        ("1700.10", None, "talk"),
        ("звонок", None, "talk"),
        ("../../etc/passwd", None, "talk"),
    ]
    for file in shelf.folder.root.rglob("*.wav"):
        assert file.parent.parent == shelf.folder.root / "recordings"


async def test_the_same_bytes_again_are_one_file_and_get_the_same_answer(
    door: Door, shelf: Shelf
) -> None:
    first, again = await door.knock(put()), await door.knock(put())
    assert first.body == again.body
    assert len(shelf.files) == 1


async def test_other_bytes_of_the_same_call_are_a_second_part(door: Door, shelf: Shelf) -> None:
    other = wav(1.0, pitch=300)
    await door.knock(put())
    assert (await door.knock(put(other))).status == 200
    assert sorted(map(len, shelf.files)) == [len(other), len(SOUND)]


async def test_the_same_bytes_of_another_leg_are_another_file(door: Door, shelf: Shelf) -> None:
    for leg in ("a1", "a2"):
        assert (await door.knock(put(path=f"{PATH}?leg_id={leg}"))).status == 200
    assert len(shelf.files) == 2


async def test_a_head_without_sound_is_said_and_not_kept(door: Door, shelf: Shelf) -> None:
    heard = await door.knock(put(wav(0)))
    assert heard.status == 200
    assert json.loads(heard.body) == {
        "ok": True,
        "kept": False,
        "reason": "there is no sound in it",
    }
    assert (shelf.kept, shelf.files) == ([], [])


# What is refused

GZIPPED = gzip.compress(SOUND)
REFUSED = [
    (put(SOUND, "X-None: 1"), 401, None, "no secret"),
    (put(SOUND, "Authorization: Bearer wrong"), 401, None, "a wrong secret"),
    (put(SOUND, basic("x:wrong")), 401, None, "a wrong password"),
    (put(SOUND, TRUST, "Authorization: Bearer other"), 401, None, "two secrets"),
    (
        put(SOUND, *SIGNED),
        401,
        None,
        "a signature",
    ),
    (put(path="/webhooks/pbx/other/recordings/c-1"), 401, None, "an unknown account"),
    (put(path=f"{PATH}?kind=video"), 400, "kind", "an unknown kind"),
    (put(path=f"{PATH}?kind=talk&kind=message"), 400, "kind", "two kinds"),
    (put(path=f"{PATH}?leg_id=a%00b"), 400, "leg_id", "NUL"),
    (put(path=f"{PATH}?leg_id={'a' * 300}"), 400, "leg_id", "a long leg"),
    (put(path=f"/webhooks/pbx/main/recordings/{'c' * 300}"), 400, "call_id", "a long call"),
    (put(path="/webhooks/pbx/main/recordings/%20"), 400, "call_id", "a call of nothing"),
    (put(path=f"{PATH}?x={'1' * 3000}"), 413, None, "a long query"),
    (put(bytes(100_001)), 413, None, "too large"),
    (chunked(SOUND, SOUND, SOUND, SOUND), 413, None, "too large in chunks"),
    (put(b"<html>" * 50), 415, "body", "a page"),
    (put(b"<"), 415, "body", "one byte"),
    (put(b"PK\x03\x04" + bytes(500)), 415, "body", "an archive"),
    (put(THEORA), 415, "body", "a film"),
    (head(TRUST, length=0), 415, "body", "nothing"),
    (chunked(), 415, "body", "nothing in chunks"),
    (put(GZIPPED, TRUST, "Content-Encoding: gzip"), 415, None, "compressed"),
    (put(GZIPPED), 415, "body", "compressed, unsaid"),
    (put(SOUND, TRUST, "Content-Range: bytes 0-9/20"), 400, "content-range", "a part"),
    (put(SOUND[:-100]), 400, "body", "a WAV cut off before it was sent"),
    (head(TRUST, length=5, method="DELETE") + b"12345", 405, None, "another method"),
]


@pytest.mark.parametrize(
    ("sent", "status", "named"), [pytest.param(*one[:3], id=one[3]) for one in REFUSED]
)
async def test_what_is_not_taken_is_said_and_leaves_nothing(
    door: Door, shelf: Shelf, sent: bytes, status: int, named: str | None
) -> None:
    heard = await door.knock(sent)
    assert heard.status == status, heard.answer
    assert heard.took_s < PATIENCE_S
    assert (shelf.kept, shelf.files) == ([], [])
    if status != 405:
        said = json.loads(heard.body)
        assert said["error"]
        assert said.get("field") == named


@pytest.mark.parametrize("pause_s", [0.0, 0.1])
async def test_what_is_badly_chunked_leaves_nothing(
    door: Door, shelf: Shelf, pause_s: float
) -> None:
    heard = await door.knock(chunked(SOUND, end=b""), b"zz\r\n", pause_s=pause_s)
    assert heard.status in (400, 408)
    assert (shelf.kept, shelf.files) == ([], [])


@pytest.mark.parametrize(
    "trust", ["Authorization: Bearer wrong", basic("x:wrong"), "X-None: 1"], ids=str
)
async def test_a_wrong_secret_is_refused_before_the_body(
    door: Door, takes: Memory, shelf: Shelf, trust: str
) -> None:
    """Only the head is sent."""
    heard = await door.knock(head(trust, "Expect: 100-continue", length=50_000))
    assert heard.status == 401
    assert b"100 Continue" not in heard.answer
    assert shelf.begun == 0
    assert len(takes.refused) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((TRUST, "Content-Encoding: gzip", "Content-Length: 9"), 415),
        ((TRUST, "Content-Length: 100001"), 413),
    ],
)
async def test_nobody_is_told_to_go_on_in_vain(
    door: Door, headers: tuple[str, ...], status: int
) -> None:
    heard = await door.knock(head(*headers, "Expect: 100-continue"))
    assert heard.status == status
    assert b"100 Continue" not in heard.answer


async def test_who_waits_to_be_told_to_go_on_is_told_so(door: Door, shelf: Shelf) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(head(TRUST, "Expect: 100-continue", length=len(SOUND)))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert shelf.kept == []
    writer.write(SOUND)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert len(shelf.kept) == 1


@pytest.mark.parametrize("cut", [0, 1, 44, 1000, 17_000, len(SOUND) - 1])
async def test_a_transfer_that_breaks_off_leaves_nothing(
    door: Door, shelf: Shelf, cut: int
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(put()[: len(put()) - len(SOUND) + cut])
    await writer.drain()
    until = time.monotonic() + PATIENCE_S
    while not shelf.begun:
        assert time.monotonic() < until
        await asyncio.sleep(0.005)
    writer.transport.abort()
    while shelf.files:
        assert time.monotonic() < until
        await asyncio.sleep(0.005)
    assert shelf.kept == []


async def test_who_sends_nothing_more_is_let_go(door: Door, shelf: Shelf) -> None:
    heard = await door.knock(head(TRUST, length=len(SOUND)), SOUND[:5000])
    assert heard.status == 408
    assert shelf.files == []


async def test_who_drips_is_let_go(door: Door, shelf: Shelf) -> None:
    drops = [SOUND[n : n + 10] for n in range(0, 200, 10)]
    heard = await door.knock(head(TRUST, length=200), *drops, pause_s=0.1)
    assert heard.status == 408
    assert shelf.files == []


async def test_who_is_slow_but_steady_may_go_on(door: Door, shelf: Shelf) -> None:
    parts = [SOUND[n : n + 8000] for n in range(0, len(SOUND), 8000)]
    heard = await door.knock(head(TRUST, length=len(SOUND)), *parts, pause_s=0.1)
    assert heard.status == 200


# What is our own trouble


async def test_too_many_at_once_are_asked_to_come_again(door: Door, shelf: Shelf) -> None:
    shelf.busy = True
    heard = await door.knock(put())
    assert heard.status == 503
    assert b"Retry-After: " in heard.answer


async def test_without_room_the_sender_is_asked_to_come_again(
    takes: Memory, door: Door, shelf: Shelf
) -> None:
    shelf.folder = Folder(shelf.folder.root, spare=1 << 60)
    heard = await door.knock(put())
    assert heard.status == 503
    assert b"Retry-After: 300" in heard.answer
    assert shelf.files == []


async def test_a_server_that_knows_nothing_yet_keeps_nothing(
    takes: Memory, door: Door, shelf: Shelf
) -> None:
    takes.blind = True
    heard = await door.knock(put())
    assert heard.status == 503
    assert b"Retry-After: " in heard.answer
    assert shelf.begun == 0


async def test_a_log_line_has_no_call_and_no_secret(door: Door) -> None:
    with structlog.testing.capture_logs() as lines:
        await door.knock(put(path="/webhooks/pbx/main/recordings/79161234567%40x"))
        await door.knock(put(SOUND, "Authorization: Bearer wr0ng"))
    told = json.dumps(lines)
    assert len([one for one in lines if one["event"] == "recording"]) == 2
    assert "79161234567" not in told
    assert "wr0ng" not in told
    assert SECRET not in told


async def test_curl_uploads_a_file(door: Door, shelf: Shelf, tmp_path: Path) -> None:
    """As every dialplan does it."""
    file = tmp_path.with_name(f"{tmp_path.name}.wav")
    file.write_bytes(SOUND)
    try:
        for more in ((), ("-H", "Expect: 100-continue"), ("-H", "Transfer-Encoding: chunked")):
            url = f"http://127.0.0.1:{door.port}{PATH}"
            command = ("curl", "-sS", "--fail", "-T", str(file), "-u", f"pbx:{SECRET}", *more, url)
            run = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
            said, complaint = await run.communicate()
            assert run.returncode == 0, complaint
            assert json.loads(said)["ok"] is True
    finally:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
    assert shelf.files == [SOUND]
