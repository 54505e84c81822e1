"""What recordings sound like: drawn once, whatever their type; broken ones are said to be so."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from callrouter.domain.audio import AudioType
from callrouter.domain.setup import Recordings, Setup
from callrouter.flows.erasing import delete_recordings
from callrouter.flows.recordings import Upload, hang
from callrouter.jobs import read_sound, transcribe
from callrouter.jobs.worker import Worker
from callrouter.outside.transcriber import NotTranscribed, Said
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import jobs, recordings, tables
from storage.database import Database
from storage.listing import Viewer, list_calls
from tests.examples import MONDAY_NOON, SETUP
from tests.office import Office, entry

RATE = 8000


def quiet_then_loud(channels: int = 1, seconds: float = 4.0) -> Any:
    """Silence, and from the middle a tone at half of what is possible; the second channel less."""
    many = round(RATE * seconds)
    tone = 0.5 * np.sin(np.arange(many) * 2 * np.pi * 440 / RATE)
    tone[: many // 2] = 0
    return np.stack([tone / 2**n for n in range(channels)], axis=1)


def written(form: str, subtype: str, channels: int = 1) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, quiet_then_loud(channels), RATE, format=form, subtype=subtype)
    return file.getvalue()


@dataclass
class Scribe:
    """Makes text as it is told."""

    says: list[Said] | str = field(default_factory=list)
    heard: list[tuple[int, str]] = field(default_factory=list)

    async def transcribe(self, path: Path, language: str) -> list[Said]:
        self.heard.append((path.stat().st_size, language))
        if isinstance(self.says, str):
            raise NotTranscribed(self.says)
        return self.says


@dataclass
class House:
    office: Office
    folder: Path
    scribe: Scribe | None = None
    current: Setup = SETUP

    @property
    def service(self) -> Service:
        found = Service(
            Settings(data_dir=self.folder),
            self.office.database,
            self,
            Seal("a secret of the tests"),
            lambda: MONDAY_NOON + timedelta(hours=1),
        )
        vars(found)["transcriber"] = self.scribe
        return found

    async def keep(self, sound: bytes, type_: AudioType = "wav", ref: str = "c1") -> str:
        upload = Upload(
            "main", ref, None, "talk", type_, len(sound), f"{ref:0>64}", None, MONDAY_NOON
        )
        draft = self.service.files.begin()
        draft.write(sound)
        draft.keep(upload.file)
        await self.office.take(entry(upload.event, body=upload.body))
        await self.office.database.write(hang, upload, now=MONDAY_NOON)
        return upload.id

    async def work(self) -> int:
        service = self.service
        kinds = [*read_sound.kinds(service), *transcribe.kinds(service)]
        return await Worker(self.office.database, service.clock, kinds).drain()

    async def row(self) -> Any:
        return await self.office.only(tables.recording)


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    return House(await Office(database).open(), tmp_path)


@pytest.fixture
async def light_house(sqlite_database: Database, tmp_path: Path) -> House:
    """Where the engine makes no difference."""
    return House(await Office(sqlite_database).open(), tmp_path)


async def test_a_recording_is_read_once_when_it_is_kept(house: House) -> None:
    await house.keep(written("WAV", "PCM_16"))
    assert await house.work() == 1
    row = await house.row()
    found = json.loads(row.peaks)
    assert (row.seconds, found["seconds"], len(found["channels"])) == (4.0, 4.0, 1)
    (peaks,) = found["channels"]
    assert len(peaks) == 1000
    assert max(peaks[:500]) == 0
    assert all(45 <= one <= 50 for one in peaks[510:])
    await house.keep(written("WAV", "PCM_16"))  # sent again
    assert await house.work() == 0


@pytest.mark.parametrize(
    ("form", "subtype", "type_"),
    [
        ("WAV", "ULAW", "wav"),
        ("WAV", "ALAW", "wav"),
        ("WAV", "GSM610", "wav"),
        ("MP3", "MPEG_LAYER_III", "mp3"),
        ("OGG", "VORBIS", "ogg"),
        ("OGG", "OPUS", "ogg"),
    ],
)
async def test_every_type_that_pbxs_send_is_read(
    light_house: House, form: str, subtype: str, type_: AudioType
) -> None:
    channels = 1 if subtype == "GSM610" else 2
    await light_house.keep(written(form, subtype, channels), type_)
    await light_house.work()
    found = json.loads((await light_house.row()).peaks)
    assert found["seconds"] == pytest.approx(4.0, abs=0.2)
    assert len(found["channels"]) == channels
    for n, peaks in enumerate(found["channels"]):
        assert 900 <= len(peaks) <= 1000
        assert max(peaks[:450]) <= 12
        assert 40 / 2**n <= max(peaks[600:]) <= 70 / 2**n


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"RIFF" + bytes(400), id="not a WAV"),
        pytest.param(written("WAV", "PCM_16")[:44], id="a head alone"),
        pytest.param(b"\xff\xfb\x90\x64" + b"\x00" * 40, id="half a frame"),
        pytest.param(b"<html>Please sign in</html>", id="a page"),
    ],
)
async def test_a_broken_file_is_said_to_be_so_and_not_tried_again(
    light_house: House, sound: bytes
) -> None:
    await light_house.keep(sound)
    assert await light_house.work() == 1
    found = json.loads((await light_house.row()).peaks)
    assert list(found) == ["broken"]
    assert str(light_house.folder) not in found["broken"]
    assert await light_house.work() == 0
    assert await light_house.office.database.read(jobs.listed) == []


async def test_what_was_deleted_meanwhile_is_not_read(light_house: House) -> None:
    id_ = await light_house.keep(written("WAV", "PCM_16"))
    database = light_house.office.database
    await database.write(delete_recordings, [id_], by="vera", now=MONDAY_NOON)
    await light_house.work()
    assert (await light_house.row()).peaks is None


async def test_what_was_deleted_while_it_was_read_keeps_nothing(light_house: House) -> None:
    id_ = await light_house.keep(written("WAV", "PCM_16"))
    database = light_house.office.database
    await database.write(delete_recordings, [id_], by="vera", now=MONDAY_NOON)
    await database.write(recordings.keep_peaks, id_, "{}", 1.0)
    await database.write(recordings.keep_transcript, id_, "[]", "words")
    row = await light_house.row()
    assert (row.peaks, row.transcript, row.said) == (None, None, None)


# Text

TALK = [Said(0.0, 2.5, "Здравствуйте, «Ромашка»."), Said(2.5, 4.0, "Ещё раз: сорок два.")]


@pytest.fixture
def told(house: House) -> House:
    house.scribe = Scribe(TALK)
    house.current = replace(SETUP, recordings=Recordings(transcribe=True))
    return house


async def test_what_was_said_is_kept_with_its_times_and_found_by_its_words(told: House) -> None:
    sound = written("WAV", "PCM_16")
    await told.keep(sound)
    assert await told.work() == 2
    row = await told.row()
    assert json.loads(row.transcript)[1] == {"from": 2.5, "to": 4.0, "text": "Ещё раз: сорок два."}
    assert told.scribe
    assert told.scribe.heard == [(len(sound), "ru")]
    database, viewer = told.office.database, Viewer("admin")

    async def found(said: str) -> list[str]:
        return [one.call_id for one in (await database.read(list_calls, viewer, said=said)).items]

    for said in ("ромашка", "ЕЩЕ РАЗ", "раз, сорок"):
        assert await found(said) == ["c1"]
    for said in ("лютик", "раз два", "%", "_"):
        assert await found(said) == []
    await database.write(delete_recordings, [row.id], by="vera", now=MONDAY_NOON)
    assert await found("ромашка") == []


async def test_nobody_makes_text_unless_the_company_wants_it(told: House) -> None:
    told.current = SETUP
    await told.keep(written("WAV", "PCM_16"))
    assert await told.work() == 1
    assert (await told.row()).transcript is None


async def test_a_broken_file_is_not_listened_to(told: House) -> None:
    await told.keep(b"RIFF")
    assert await told.work() == 1
    assert told.scribe
    assert told.scribe.heard == []


async def test_a_scribe_who_fails_is_given_up_and_says_why(told: House) -> None:
    told.scribe = Scribe("no memory")
    await told.keep(written("WAV", "PCM_16"))
    await told.work()
    (dead,) = await told.office.database.read(jobs.listed, dead=True)
    assert (dead.kind, dead.error) == ("transcribe", "no memory")
