"""Recordings are fetched from a server that behaves, and from one that does not: whole or not."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
import random
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from sqlalchemy import update

from callrouter.domain.setup import Account, Setup
from callrouter.flows.fetches import fetch_again
from callrouter.flows.work import Entry
from callrouter.jobs import fetch_recording
from callrouter.jobs.worker import Worker
from callrouter.outside.client import Client, Patience
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import fetches, jobs, tables
from storage.database import Database
from storage.fetches import Fetch
from storage.files import NoRoom
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP
from tests.office import Office, entry_of, posted
from tests.outside.files import (
    announced,
    anywhere,
    badly_chunked,
    certified,
    chunked,
    cut,
    file,
    in_turn,
    redirect,
    slowly,
    without_length,
)
from tests.outside.servers import (
    Server,
    Write,
    answer,
    endless,
    gibberish,
    hang_up,
    hang_up_later,
    known,
    nothing,
    serving,
)
from tests.sounds import MP3, OPUS, announcing, wav
from tests.twilio import URL as TWILIO_URL
from tests.twilio import call_sid, signed_hook
from webhooks.provider import RawHook
from webhooks.providers.pbx import Pbx
from webhooks.providers.twilio import Twilio
from webhooks.providers.zadarma import Zadarma, sign

SECRET = "a-very-good-secret"
SOUND = wav(2.0)
RUSHED = Patience(still_s=0.3, grace_s=0.3, per_s=256 * 1024)


@dataclass
class Clock:
    now: datetime = MONDAY_NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Setups:
    current: Setup


@dataclass
class Room:
    """A server's parts that fetch, and the PBX's own server; time is turned by hand."""

    office: Office
    service: Service
    setups: Setups
    clock: Clock
    pbx: Server
    worker: Worker = field(init=False)
    told: int = 0

    def __post_init__(self) -> None:
        kinds = fetch_recording.kinds(self.service)
        self.worker = Worker(self.service.database, self.clock, kinds)

    @property
    def url(self) -> str:
        return f"http://pbx.example.com:{self.pbx.port}/rec/79161234567.wav?token=hidden"

    async def open(self, setup: Setup) -> None:
        self.setups.current = setup
        await self.office.open(setup)

    async def hear(self, *entries: Entry) -> None:
        await self.office.take(*entries, now=self.clock.now)

    async def tell(self, url: str | None = None, **fields: Any) -> None:
        """Let the PBX name a recording of an answered call, by its real hook."""
        account = self.setups.current.accounts["main"]
        provider = Pbx(account, (SECRET.encode(),))
        self.told += 1
        both = {"call_id": "c1", "caller": "89161234567", "called": LINE_NUMBER}
        named = {"recording_url": url or self.url, "leg_id": "a1", "event_id": f"e{self.told}"}
        for payload in (
            {"event": "ringing", **both},
            {"event": "answered", "leg_id": "a1", "target": "101", **both},
            {"event": "ended", **both},
            {"event": "recording", **both, **named, **fields},
        ):
            hook = posted("main", payload, self.clock.now)
            provider.parse(hook)
            await self.hear(entry_of(provider, hook))

    async def fetch(self) -> Fetch:
        (row,) = await self.office.rows(tables.fetch)
        found = await self.service.database.read(fetches.find, row.id)
        assert found
        return found

    async def once(self) -> Fetch:
        """Whatever is due now; nothing that is being fetched is left lying about."""
        await self.worker.drain()
        assert self.drafts() == []
        return await self.fetch()

    async def again(self) -> Fetch:
        """When it is due next."""
        (job,) = await self.service.database.read(jobs.listed)
        assert job.state == "ready"
        self.clock.now = max(self.clock.now, job.due_at)
        return await self.once()

    async def to_the_end(self) -> Fetch:
        found = await self.once()
        while found.state == "waiting":
            found = await self.again()
        return found

    def files(self) -> list[Path]:
        root = self.service.settings.data_dir / "files"
        return [one for one in root.rglob("*") if one.is_file()]

    def drafts(self) -> list[Path]:
        return [one for one in self.files() if "drafts" in one.parts]

    async def check(self, sound: bytes = SOUND) -> None:
        """The sound is there, whole and once, and its row says so."""
        found = await self.fetch()
        row = await self.office.only(tables.recording)
        assert (found.state, found.recording) == ("kept", row.id)
        (kept,) = self.files()
        assert kept.read_bytes() == sound
        assert kept == self.service.settings.data_dir / "files" / row.file
        assert (row.size, row.digest) == (len(sound), hashlib.sha256(sound).hexdigest())

    async def check_nothing(self) -> None:
        assert self.files() == []
        assert await self.office.count(tables.recording) == 0


def account_of(server: Server, **changes: Any) -> Account:
    given: dict[str, Any] = {
        "secret": SECRET,
        "recording_hosts": ("pbx.example.com",),
        "allow_private": True,
        "time_zone": "Europe/Moscow",
    }
    del server
    return Account("main", default_line=LINE_NUMBER, **(given | changes))


def setup_of(account: Account) -> Setup:
    rules = replace(SETUP.recordings, most_mb=1)
    return replace(SETUP, account=(account,), recordings=rules)


NAMES = known(
    pbx_example_com="127.0.0.1",
    files_example_com="127.0.0.1",
    api_zadarma_com="127.0.0.1",
    api_twilio_com="127.0.0.1",
)


@contextlib.asynccontextmanager
async def opened(
    database: Database, folder: Path, pbx: Server, client: Client
) -> AsyncIterator[Room]:
    setups, clock = Setups(setup_of(account_of(pbx))), Clock()
    settings = Settings(data_dir=folder / "var")
    service = Service(settings, database, setups, Seal("a secret of the tests"), clock)
    service = replace(service, outside=client)
    room = Room(Office(database), service, setups, clock, pbx)
    await room.open(setups.current)
    yield room
    client.close()


@pytest.fixture
async def room(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Room]:
    async with (
        serving(file(SOUND)) as pbx,
        opened(sqlite_database, tmp_path, pbx, Client(NAMES, patience=RUSHED)) as found,
    ):
        yield found


# One who behaves


async def test_a_recording_that_is_there_is_kept_with_length_digest_and_duration(
    room: Room,
) -> None:
    await room.tell()
    await room.once()
    await room.check()
    row = await room.office.only(tables.recording)
    call = await room.office.only(tables.call)
    assert (row.call, row.leg, row.kind, row.type) == (call.id, "a1", "talk", "audio/wav")
    assert row.seconds == 2.0
    (asked,) = room.pbx.asked
    assert asked.head.startswith("GET /rec/79161234567.wav?token=hidden HTTP/1.1")
    assert asked.header("Accept-Encoding") == "identity"
    assert asked.header("Authorization") is None


@pytest.mark.parametrize(
    ("sound", "type_"), [(SOUND, "audio/wav"), (MP3, "audio/mpeg"), (OPUS, "audio/ogg")]
)
async def test_what_it_is_shows_in_its_bytes(room: Room, sound: bytes, type_: str) -> None:
    room.pbx.does = file(sound, "Content-Type: application/octet-stream")
    await room.tell()
    await room.once()
    await room.check(sound)
    assert (await room.office.only(tables.recording)).type == type_


async def test_what_is_kept_is_not_fetched_again(room: Room) -> None:
    await room.tell()
    await room.once()
    await room.tell()
    await room.once()
    assert room.pbx.hits == 1
    await room.check()


# One who does not. `then ready` shows which of it may pass; the rest is settled at once.

PAGE = b"<!DOCTYPE html><title>Sign in</title>" + bytes(2000)
CUT_WAV = announcing(SOUND, len(SOUND) * 2)
RIFF_PAGE = b"RIFF\x00\x00\x00\x00WAVE<script>alert(1)</script>" + bytes(500)
TAGGED_PAGE = b"ID3<html><script>alert(1)</script>" + bytes(500)


def zipped() -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.wav", SOUND)
    return made.getvalue()


LATE: dict[str, tuple[Write, str]] = {
    "404": (answer(404, b"no"), "answered 404"),
    "202": (answer(202, b"soon"), "answered 202"),
    "204": (answer(204, b""), "answered 204"),
    "409": (answer(409, b""), "answered 409"),
    "425": (answer(425, b""), "answered 425"),
    "429": (answer(429, b"", "Retry-After: 0"), "answered 429"),
    "500": (answer(500, b""), "answered 500"),
    "503 with a time": (answer(503, b"", "Retry-After: 700"), "answered 503"),
    "empty": (file(b""), "empty"),
    "silence": (file(wav(0.0)), "no sound in it"),
    "shorter than it said": (announced(SOUND[:9000], len(SOUND)), "before the answer was whole"),
    "its head promises more": (file(CUT_WAV), "broke off"),
    "no length, and cut": (without_length(SOUND[:9000]), "broke off"),
    "chunks that break off": (chunked(SOUND[:9000], whole=False), "before the answer was whole"),
    "bad chunks": (badly_chunked, "before the answer was whole"),
    "half an answer": (hang_up_later, "before the answer was whole"),
    "hangs up": (hang_up, "connection ended"),
    "says nothing": (nothing, "in time"),
    "drips": (slowly(SOUND, 10, 0.02), "in time"),
    "no HTTP": (gibberish, "connection ended"),
    "a page": (file(PAGE, "Content-Type: text/html"), "a page"),
    "an error in JSON": (file(b'{"error": "not ready"}'), "a page"),
}

NEVER: dict[str, tuple[Write, str]] = {
    "401": (answer(401, b""), "no right"),
    "403": (answer(403, b""), "no right"),
    "400": (answer(400, b""), "answered 400"),
    "410": (answer(410, b""), "answered 410"),
    "206": (answer(206, SOUND), "answered 206"),
    "a zip": (file(zipped(), "Content-Type: audio/wav"), "no sound that we know"),
    "a script behind RIFF": (file(MP3[:2] + PAGE), "no sound that we know"),
    "a script behind ID3": (file(TAGGED_PAGE), "no sound that we know"),
    "endless": (endless, "longer than"),
    "2 GB": (announced(SOUND, 2 * 1024**3), "longer than"),
    "2 MB without a length": (without_length(SOUND * 64), "longer than"),
    "a gzip bomb": (
        file(gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip"),
        "comes compressed",
    ),
    "an MP3 without a length": (without_length(MP3), "how long it is"),
    "a redirect to nobody's host": (redirect("http://evil.example.com/a.wav"), "no host of"),
    "a redirect to the metadata": (redirect("http://169.254.169.254/latest"), "no host of"),
    "a redirect to a file": (redirect("file:///etc/passwd"), "allowed: https"),
    "a redirect without a place": (answer(302, b""), "allowed: https"),
    "a redirect to itself": (redirect("/rec/79161234567.wav"), "more than 3 times"),
}

WHOLE: dict[str, tuple[Write, bytes]] = {
    "with a length": (file(SOUND), SOUND),
    "chunked": (chunked(SOUND), SOUND),
    "chunked MP3": (chunked(MP3 * 40), MP3 * 40),
    "no length": (without_length(SOUND), SOUND),
    "a wrong type said": (file(SOUND, "Content-Type: text/html"), SOUND),
    "slow, but it comes": (slowly(SOUND, 8000, 0.03), SOUND),
    "said to be as it is": (file(SOUND, "Content-Encoding: identity"), SOUND),
}


def test_there_are_enough_behaviours() -> None:
    assert len({*LATE, *NEVER, *WHOLE}) >= 40


@pytest.mark.parametrize("name", WHOLE)
async def test_what_comes_whole_is_kept(room: Room, name: str) -> None:
    room.pbx.does, sound = WHOLE[name]
    await room.tell()
    assert (await room.once()).state == "kept"
    await room.check(sound)


@pytest.mark.parametrize("name", LATE)
async def test_what_is_not_ready_is_fetched_when_it_is(room: Room, name: str) -> None:
    late, reason = LATE[name]
    room.pbx.does = in_turn(late, late, file(SOUND))
    await room.tell()
    for tries in (1, 2):
        found = await (room.once() if tries == 1 else room.again())
        assert (found.state, found.tries) == ("waiting", tries)
        assert reason in (found.reason or "")
        await room.check_nothing()
    waited = room.clock.now
    assert (await room.again()).state == "kept"
    assert room.clock.now > waited
    await room.check()


@pytest.mark.parametrize("name", NEVER)
async def test_what_cannot_come_is_refused_with_a_reason(room: Room, name: str) -> None:
    room.pbx.does, reason = NEVER[name]
    await room.tell()
    found = await room.once()
    assert found.state == "refused"
    assert reason in (found.reason or "")
    assert "hidden" not in (found.reason or "")
    await room.check_nothing()
    assert await room.service.database.read(jobs.listed) == []


@pytest.mark.parametrize("name", ["404", "empty", "shorter than it said", "429"])
async def test_what_has_not_come_in_a_day_is_missing(room: Room, name: str) -> None:
    room.pbx.does, reason = LATE[name]
    await room.tell()
    pauses, before = [], room.clock.now
    found = await room.once()
    while found.state == "waiting":
        found = await room.again()
        pauses.append(room.clock.now - before)
        before = room.clock.now
    assert found.state == "missing"
    assert reason in (found.reason or "")
    assert timedelta(hours=24) <= room.clock.now - MONDAY_NOON < timedelta(hours=24, seconds=2)
    assert timedelta(seconds=7) < pauses[0] < timedelta(seconds=21)
    assert max(pauses) <= timedelta(hours=1)
    assert len(pauses) < 45
    await room.check_nothing()


async def test_a_page_is_not_asked_for_for_a_day(room: Room) -> None:
    room.pbx.does = file(PAGE)
    await room.tell()
    found = await room.to_the_end()
    assert (found.state, found.reason) == (
        "refused",
        "the PBX sends a page instead of sound: a login, or an error",
    )
    assert room.pbx.hits == 6
    await room.check_nothing()


async def test_a_time_that_is_named_is_kept_to(room: Room) -> None:
    room.pbx.does = in_turn(LATE["503 with a time"][0], file(SOUND))
    await room.tell()
    await room.once()
    await room.again()
    assert room.clock.now == MONDAY_NOON + timedelta(seconds=700)
    await room.check()


async def test_wherever_it_breaks_off_no_half_is_kept(room: Room) -> None:
    """Reset at a random byte each time, as long as a day is."""
    chance = random.Random(8)
    broken = cut(SOUND, anywhere(SOUND, chance))
    room.pbx.does = in_turn(*[broken] * 25, file(SOUND))
    await room.tell()
    found = await room.once()
    while found.state == "waiting":
        await room.check_nothing()
        found = await room.again()
    assert room.pbx.hits == 26
    await room.check()


@pytest.mark.slow
async def test_200_resets_keep_no_half(room: Room) -> None:
    chance = random.Random(9)
    room.pbx.does = cut(SOUND, anywhere(SOUND, chance))
    await room.tell()
    found = await room.to_the_end()
    call = found.call
    while room.pbx.hits < 200:
        room.clock.now += timedelta(seconds=1)
        await room.service.database.write(fetch_again, call, by="vera", now=room.clock.now)
        assert (await room.to_the_end()).state == "missing"
        await room.check_nothing()


async def test_a_certificate_of_nobody_known_is_not_taken(
    sqlite_database: Database, tmp_path: Path
) -> None:
    right, trusting = certified("pbx.example.com")
    for tls, state in ((certified("pbx.example.com")[0], "waiting"), (right, "kept")):
        folder = tmp_path / state
        async with (
            serving(file(SOUND), tls=tls) as pbx,
            opened(sqlite_database, folder, pbx, Client(NAMES, trusting, patience=RUSHED)) as room,
        ):
            await room.tell(room.url.replace("http:", "https:"), call_id=state, event_id=state)
            await room.worker.drain()
            found = {one.url: one.state for one in await room.office.rows(tables.fetch)}
            assert found[room.url.replace("http:", "https:")] == state
            assert len(room.files()) == (state == "kept")


# Where it leads


async def test_a_redirect_to_another_host_of_the_account_is_followed(room: Room) -> None:
    async with serving(file(SOUND)) as files:
        place = f"http://files.example.com:{files.port}/once?key=secret"
        room.pbx.does = redirect(place)
        await room.tell()
        found = await room.once()
        assert (found.state, "files.example.com" in (found.reason or "")) == ("refused", True)
        assert await files.reached() == 0
        hosts = ("pbx.example.com", "files.example.com")
        await room.open(setup_of(account_of(room.pbx, recording_hosts=hosts)))
        room.clock.now += timedelta(seconds=1)
        await room.service.database.write(fetch_again, found.call, by="vera", now=room.clock.now)
        await room.once()
        await room.check()
        assert len(files.asked) == 1


async def test_an_account_that_names_no_host_fetches_nothing(room: Room) -> None:
    await room.open(setup_of(account_of(room.pbx, recording_hosts=())))
    await room.tell()
    assert (await room.once()).state == "refused"
    assert await room.pbx.reached() == 0


async def test_private_addresses_are_for_those_who_say_so(room: Room) -> None:
    await room.open(setup_of(account_of(room.pbx, allow_private=False)))
    await room.tell(room.url.replace("http:", "https:"))
    found = await room.once()
    assert (found.state, "allow_private" in (found.reason or "")) == ("refused", True)
    assert await room.pbx.reached() == 0


# Who does not want it, and where there is no room


async def test_of_who_asked_not_to_be_recorded_nothing_is_fetched(room: Room) -> None:
    await room.tell()
    await room.service.database.write(
        lambda conn: conn.execute(update(tables.call).values(unrecorded_at=MONDAY_NOON))
    )
    assert (await room.once()).state == "unwanted"
    assert await room.pbx.reached() == 0


async def test_who_asks_while_it_comes_leaves_no_file(room: Room) -> None:
    async def ask_and_send(to: asyncio.StreamWriter) -> None:
        await room.service.database.write(
            lambda conn: conn.execute(update(tables.call).values(unrecorded_at=MONDAY_NOON))
        )
        await file(SOUND)(to)

    room.pbx.does = ask_and_send
    await room.tell()
    assert (await room.once()).state == "unwanted"
    await room.check_nothing()


async def test_without_room_it_waits_and_that_is_no_try(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_draft: object, _data: bytes) -> None:
        raise NoRoom("the disk is full")

    await room.tell()
    with monkeypatch.context() as patch:
        patch.setattr("storage.files.Draft.write", full)
        found = await room.once()
        assert (found.state, found.tries) == ("waiting", 0)
        (job,) = await room.service.database.read(jobs.listed)
        assert (job.attempts, job.error) == (0, "the disk is full")
        await room.check_nothing()
    await room.again()
    await room.check()
    assert room.clock.now == MONDAY_NOON + timedelta(minutes=5)


async def test_an_account_that_is_gone_is_asked_nothing(room: Room) -> None:
    await room.tell()
    other = replace(room.setups.current.account[0], key="other")
    room.setups.current = replace(room.setups.current, account=(other,))
    found = await room.once()
    assert (found.state, found.reason) == ("refused", "its account is no longer in the setup")


async def test_no_address_and_no_secret_is_told_to_anybody(room: Room) -> None:
    room.pbx.does = in_turn(answer(404, b""), redirect("http://evil.example.com/?key=hidden"))
    with structlog.testing.capture_logs() as lines:
        await room.tell()
        await room.once()
        found = await room.again()
    said = f"{lines}{found.reason}"
    assert "pbx.example.com" in said
    for secret in ("hidden", SECRET, "79161234567"):
        assert secret not in said


# Zadarma and Twilio, by their own hooks


ZADARMA_SECRET = "zd-secret-0000-example"


def zadarma(server: Server, **changes: Any) -> Account:
    given: dict[str, Any] = {
        "provider": "zadarma",
        "secret": ZADARMA_SECRET,
        "api_key": "zd-key-example",
        "base_url": f"https://api.zadarma.com:{server.port}",
        "recording_hosts": ("api.zadarma.com",),
    }
    return account_of(server, **(given | changes))


async def hear_of_zadarma(room: Room) -> None:
    account = room.setups.current.accounts["main"]
    provider = Zadarma(account, (ZADARMA_SECRET.encode(),))
    said = {"event": "NOTIFY_RECORD", "pbx_call_id": "in_1", "call_id_with_rec": "1740909330.12"}
    signed = sign(ZADARMA_SECRET.encode(), b"in_11740909330.12").decode()
    url = "https://crm.example/webhooks/zadarma/main"
    body = urlencode(said).encode()
    hook = hook_of(url, body, room.clock.now, signature=signed)
    provider.verify(hook)
    await room.hear(entry_of(provider, hook))


def hook_of(url: str, body: bytes, at: datetime, **headers: str) -> RawHook:
    given = tuple(headers.items())
    return RawHook("main", "POST", url, "", given, body, "192.0.2.1", at, 1000.0)


def said(**fields: Any) -> Write:
    return answer(200, json.dumps(fields).encode())


@contextlib.asynccontextmanager
async def abroad(
    database: Database, folder: Path, name: str, does: Write | None = None
) -> AsyncIterator[Room]:
    """A provider's API over TLS."""
    at_server, trusting = certified(name, "files.example.com")
    client = Client(NAMES, trusting, patience=RUSHED, total_s=1.0)
    async with (
        serving(does, tls=at_server) as server,
        opened(database, folder, server, client) as room,
    ):
        yield room


async def test_zadarma_is_asked_for_a_link_and_again_when_it_ran_out(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with abroad(sqlite_database, tmp_path, "api.zadarma.com") as room:
        await room.open(setup_of(zadarma(room.pbx)))
        base = f"https://api.zadarma.com:{room.pbx.port}"
        room.pbx.does = in_turn(
            said(status="success", links=[]),
            said(status="success", link=f"{base}/v1/download?key=old"),
            answer(403, b"expired"),
            said(status="success", link=f"{base}/v1/download?key=new"),
            file(MP3),
        )
        await hear_of_zadarma(room)
        found = await room.once()
        assert (found.state, found.reason) == ("waiting", "the recording is not ready yet")
        found = await room.again()
        assert (found.state, "link ran out" in (found.reason or "")) == ("waiting", True)
        assert (await room.again()).state == "kept"
        await room.check(MP3)
        ways = [one.head.split(" ")[1].partition("?")[0] for one in room.pbx.asked]
        api, link = "/v1/pbx/record/request/", "/v1/download"
        assert ways == [api, api, link, api, link]
        signed = [one.header("Authorization") or "" for one in room.pbx.asked]
        assert all(one.startswith("zd-key-example:") for one in signed[:2] + signed[3:4])
        assert signed[2] == signed[4] == ""
        assert found.url is None


async def test_a_recording_of_several_parts_comes_whole_or_not(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with abroad(sqlite_database, tmp_path, "api.zadarma.com") as room:
        await room.open(setup_of(zadarma(room.pbx)))
        base = f"https://api.zadarma.com:{room.pbx.port}"
        links = said(status="success", links=[f"{base}/1", f"{base}/2"])
        late = (links, file(SOUND), answer(404, b""))
        room.pbx.does = in_turn(*late, links, file(SOUND), file(MP3))
        await hear_of_zadarma(room)
        assert (await room.once()).state == "waiting"
        await room.check_nothing()
        assert (await room.again()).state == "kept"
        rows = sorted(await room.office.rows(tables.recording), key=lambda row: row.at)
        assert [(row.ref, row.size) for row in rows] == [
            ("1740909330.12", len(SOUND)),
            ("1740909330.12#2", len(MP3)),
        ]


async def test_a_key_that_zadarma_does_not_take_is_said_at_once(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with abroad(sqlite_database, tmp_path, "api.zadarma.com", answer(401)) as room:
        await room.open(setup_of(zadarma(room.pbx)))
        await hear_of_zadarma(room)
        found = await room.once()
        assert found.state == "refused"
        assert found.reason == "Zadarma does not take the key or its signature"


RECORDING = "RE" + "0" * 31 + "1"
TWILIO_SID = "AC00000000000000000000000000000007"


async def hear_of_twilio(room: Room) -> None:
    account = room.setups.current.accounts["main"]
    token = "a3f1c95d2b7e4806913fd0c2e8b75a14"
    provider = Twilio(account, (token.encode(),))
    path = f"/2010-04-01/Accounts/{TWILIO_SID}/Recordings/{RECORDING}"
    params = {
        "CallSid": call_sid(1),
        "RecordingSid": RECORDING,
        "RecordingStatus": "completed",
        "RecordingUrl": f"{account.base_url}{path}",
    }
    url = f"{TWILIO_URL}?of=recording&call={call_sid(1)}&leg=a1&kind=talk"
    hook = signed_hook(url, params, at=room.clock.now)
    provider.verify(hook)
    await room.hear(entry_of(provider, hook))


async def test_twilios_credentials_go_to_twilio_and_not_where_it_sends_us(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with abroad(sqlite_database, tmp_path, "api.twilio.com") as room:
        account = account_of(
            room.pbx,
            provider="twilio",
            secret="a3f1c95d2b7e4806913fd0c2e8b75a14",
            api_key=TWILIO_SID,
            base_url=f"https://api.twilio.com:{room.pbx.port}",
            recording_hosts=("files.example.com",),
        )
        await room.open(setup_of(account))
        elsewhere = f"https://files.example.com:{room.pbx.port}/media.wav?sig=1"
        room.pbx.does = in_turn(answer(404, b""), redirect(elsewhere, 307), file(SOUND))
        await hear_of_twilio(room)
        assert (await room.once()).state == "waiting"
        await room.again()
        await room.check()
        row = await room.office.only(tables.recording)
        assert (row.ref, row.leg) == (RECORDING, "a1")
        first, second, third = room.pbx.asked
        for one in (first, second):
            assert one.head.split(" ")[1].endswith(f"/Recordings/{RECORDING}.wav")
            assert (one.header("Authorization") or "").startswith("Basic ")
        assert third.header("Host") == f"files.example.com:{room.pbx.port}"
        assert third.header("Authorization") is None
