"""A type is what the bytes say, and a WAV is as long as its sound is there."""

import pytest

from callrouter.domain.audio import HEAD, Wav, read_wav, type_of
from tests.sounds import (
    MP3,
    MP3_TAGGED,
    OPUS,
    THEORA,
    VORBIS,
    announcing,
    wav,
    with_list,
)

SECOND = wav(1.0)
UNTOLD = Wav(16000, 0, 1.0, told=False)


@pytest.mark.parametrize(
    ("head", "type_"),
    [
        (SECOND, "wav"),
        (MP3, "mp3"),
        (MP3_TAGGED, "mp3"),
        (OPUS, "ogg"),
        (VORBIS, "ogg"),
        (THEORA, None),
        (b"", None),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"RIFF", None),
        (b"<!doctype html><title>Sign in</title>", None),
        (b"PK\x03\x04", None),
        (b"\x7fELF", None),
        (b"\xff\xff\xff\xff", None),
        (b"\xff\xd8\xff\xe0", None),  # JPEG
        (b"\xff\xf1\x50\x80", None),  # AAC
        (b"\xff\xfb\xf0\x64", None),  # no such bit rate
    ],
)
def test_the_type_is_told_by_the_first_bytes(head: bytes, type_: str | None) -> None:
    assert type_of(head[:64]) == type_


@pytest.mark.parametrize(
    ("file", "found"),
    [
        pytest.param(SECOND, Wav(16000, 0, 1.0), id="whole"),
        pytest.param(with_list(SECOND, 301), Wav(16000, 0, 1.0), id="words before the sound"),
        pytest.param(SECOND + b"LIST\x04\0\0\0abcd", Wav(16000, 0, 1.0), id="words after it"),
        pytest.param(SECOND[:44], Wav(0, 16000, 0.0), id="cut after the head"),
        pytest.param(SECOND[:-6000], Wav(10000, 6000, 0.625), id="cut in the sound"),
        pytest.param(wav(0), Wav(0, 0, 0.0, told=False), id="a head only"),
        pytest.param(announcing(SECOND, 0), UNTOLD, id="length not filled in"),
        pytest.param(announcing(SECOND, 0xFFFFFFFF), UNTOLD, id="as ffmpeg streams"),
        pytest.param(announcing(SECOND, 0x7FFFF000), UNTOLD, id="as sox streams"),
        pytest.param(SECOND[:20], Wav(0), id="cut in the head"),
        pytest.param(with_list(SECOND, 2 * HEAD), Wav(0), id="nothing but words"),
    ],
)
def test_a_wav_is_as_long_as_its_sound(file: bytes, found: Wav) -> None:
    assert read_wav(file[:HEAD], len(file)) == found
