"""What a file of sound is, told by its bytes and never by its name; and how long a WAV plays.

RIFF/WAVE: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

AudioType = Literal["wav", "mp3", "ogg"]

MEDIA_TYPES: Final[Mapping[AudioType, str]] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
}

HEAD = 64 * 1024
"""So much of a file is looked at; what comes before the sound is shorter."""

FIRST = 64
"""So many bytes tell the type."""

_OGG_STREAMS = (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")
_UNKNOWN = 0x7FFF0000
"""A length from here on, or 0, was written before it was known, and never mended."""


def type_of(head: bytes) -> AudioType | None:
    """The type of what begins so; None: no sound that we know."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS" and any(stream in head[:FIRST] for stream in _OGG_STREAMS):
        return "ogg"
    if _is_tag(head) or _is_frame(head):
        return "mp3"
    return None


def _is_tag(head: bytes) -> bool:
    """True for what may stand before an MP3: ID3v2, https://id3.org/id3v2.4.0-structure, 3.1."""
    plain = all(byte < 0x80 for byte in head[6:10])
    return head[:3] == b"ID3" and len(head) >= 10 and head[3] in (2, 3, 4) and plain


def _is_frame(head: bytes) -> bool:
    """True for the four bytes with which a frame of MPEG layer III begins."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and bits not in (0, 15) and rate != 3


@dataclass(frozen=True, slots=True)
class Wav:
    """`sound`: bytes of it in the file; `missing`: how many more its head promises.

    `told`: its head says how long it is; else nobody can see whether it is whole.
    """

    sound: int
    missing: int = 0
    seconds: float | None = None
    told: bool = True


def read_wav(head: bytes, size: int) -> Wav:
    """Look at a WAV's first bytes (up to `HEAD`); `size`: of the whole file."""
    per_second = 0
    place = 12
    while place + 8 <= len(head):
        name, said = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        place += 8
        if name == b"fmt " and said >= 12:
            per_second = int.from_bytes(head[place + 8 : place + 12], "little")
        if name == b"data":
            here = size - place
            unsaid = said == 0 or said >= _UNKNOWN
            sound = here if unsaid else min(said, here)
            missing = 0 if unsaid else said - sound
            return Wav(sound, missing, sound / per_second if per_second else None, not unsaid)
        place += said + said % 2
    return Wav(0)
