"""Small files of sound."""

from __future__ import annotations

import io
import math
import struct
import wave

MP3 = b"\xff\xfb\x90\x64" + bytes(413)  # one frame of layer III, 128 kbit/s, 44.1 kHz
MP3_TAGGED = b"ID3\x04\x00\x00\x00\x00\x00\x00" + MP3
OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13" + b"OpusHead\x01\x01" + bytes(60)
VORBIS = b"OggS\x00\x02" + bytes(20) + b"\x01\x1e" + b"\x01vorbis" + bytes(60)
THEORA = b"OggS\x00\x02" + bytes(20) + b"\x01\x2a" + b"\x80theora" + bytes(60)


def wav(seconds: float = 1.0, *, pitch: float = 440.0, rate: int = 8000) -> bytes:
    """A tone: mono, 16 bits."""
    frames = round(seconds * rate)
    sound = (round(9000 * math.sin(2 * math.pi * pitch * n / rate)) for n in range(frames))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{frames}h", *sound))
    return file.getvalue()


def announcing(file: bytes, size: int) -> bytes:
    """The same WAV with another length of sound in its head."""
    place = file.index(b"data") + 4
    return file[:place] + size.to_bytes(4, "little") + file[place + 4 :]


def with_list(file: bytes, size: int) -> bytes:
    """The same WAV with a chunk of words before the sound."""
    place = file.index(b"data")
    words = b"LIST" + size.to_bytes(4, "little") + bytes(size + size % 2)
    return file[:place] + words + file[place:]
