"""What rtpengine wrote down becomes the sound as it was: each side at its place, gaps as silence."""

from __future__ import annotations

import importlib.util
import io
import socket
import struct
import wave
from array import array
from types import ModuleType

import pytest

from tests.sip.exchange import EXAMPLE

LEFT, RIGHT = ("127.0.0.1", 4000), ("127.0.0.2", 5000)
US = ("127.0.0.9", 30000)
LOUD, LOUD_A = 0x80, 0xAA  # the loudest positive code of either law
ULAW_TOP, ALAW_TOP = 32124, 32256
FRAME = 160


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("upload", EXAMPLE / "upload_recording.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = script()


def rtp(code: int, timestamp: int, *, kind: int = 0, stream: int = 7, odd: bool = False) -> bytes:
    """A packet of 20 ms. `odd`: with a source list, an extension and padding."""
    head = struct.pack(
        "!BBHII", 0x80 | (0x31 if odd else 0), kind, 1, timestamp % (1 << 32), stream
    )
    sound = bytes([code]) * FRAME
    if odd:
        return head + b"CSRC" + b"\xbe\xde\x00\x01EXTN" + sound + b"\x00\x00\x03"
    return head + sound


def udp(sender: tuple[str, int], data: bytes, *, six: bool = False) -> bytes:
    ports = struct.pack("!HHHH", sender[1], US[1], 8 + len(data), 0)
    if six:
        address = socket.inet_pton(socket.AF_INET6, "::1")
        return struct.pack("!IHBB", 6 << 28, 8 + len(data), 17, 64) + 2 * address + ports + data
    ends = socket.inet_aton(sender[0]) + socket.inet_aton(US[0])
    return struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(data), 0, 0, 64, 17, 0) + ends + ports + data


def pcap(*packets: tuple[float, bytes], order: str = "<", link: int = 1) -> io.BytesIO:
    file = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for at, packet in packets:
        frame = bytes(14) + packet if link == 1 else packet
        moment = struct.pack(order + "II", 1000 + int(at), round(at % 1 * 1e6))
        file += moment + struct.pack(order + "II", len(frame), len(frame)) + frame
    return io.BytesIO(file)


def sides(file: io.BytesIO) -> tuple[array[int], array[int]]:
    sound = SCRIPT.to_wav(file)
    with wave.open(io.BytesIO(sound)) as opened:
        assert (opened.getnchannels(), opened.getframerate()) == (2, 8000)
        both = array("h", opened.readframes(opened.getnframes()))
    return both[0::2], both[1::2]


def heard(samples: array[int]) -> list[int]:
    """The first sample of each 20 ms."""
    return list(samples[::FRAME])


def test_each_side_has_its_channel_and_its_place() -> None:
    said = [(0.0, udp(LEFT, rtp(LOUD, 0))), (0.02, udp(RIGHT, rtp(LOUD_A, 90, kind=8)))]
    left, right = sides(pcap(*said))
    assert heard(left) == [ULAW_TOP, 0]
    assert heard(right) == [0, ALAW_TOP]


def test_what_is_lost_or_late_leaves_the_rest_in_place() -> None:
    order = (0, 3, 2, 5)  # 1 and 4 are lost
    said = [(n * 0.02, udp(LEFT, rtp(LOUD, place * FRAME))) for n, place in enumerate(order)]
    left, right = sides(pcap(*said))
    assert heard(left) == [ULAW_TOP, 0, ULAW_TOP, ULAW_TOP, 0, ULAW_TOP]
    assert set(right) == {0}


def test_timestamps_may_run_over_and_begin_anew() -> None:
    last = (1 << 32) - FRAME
    said = [(0.0, rtp(LOUD, last)), (0.02, rtp(LOUD, last + FRAME)), (0.1, rtp(LOUD, 3 << 30))]
    left, _ = sides(pcap(*((at, udp(LEFT, packet)) for at, packet in said)))
    assert heard(left) == [ULAW_TOP, ULAW_TOP, 0, 0, 0, ULAW_TOP]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("link", [1, 101])
def test_pcaps_are_read_in_every_form(order: str, link: int) -> None:
    said = (0.0, udp(LEFT, rtp(LOUD, 0, odd=True))), (0.02, udp(LEFT, rtp(LOUD, 160), six=True))
    left, right = sides(pcap(*said, order=order, link=link))
    assert heard(left) == [ULAW_TOP, 0]
    assert heard(right) == [0, ULAW_TOP]  # from another address


def test_what_is_no_sound_is_passed_over() -> None:
    noise = [
        udp(LEFT, rtp(1, 0, kind=101)),  # keys that were pressed
        udp(LEFT, b"\x80"),
        b"\x45" + bytes(10),
        b"",
    ]
    assert SCRIPT.to_wav(pcap(*((0.0, one) for one in noise))) is None
    left, _ = sides(pcap(*((0.0, one) for one in noise), (0.0, udp(LEFT, rtp(LOUD, 0)))))
    assert heard(left) == [ULAW_TOP]


def test_a_pcap_that_is_cut_off_gives_what_is_there() -> None:
    whole = pcap((0.0, udp(LEFT, rtp(LOUD, 0))), (0.02, udp(LEFT, rtp(LOUD, FRAME)))).getvalue()
    left, _ = sides(io.BytesIO(whole[:-10]))
    assert heard(left) == [ULAW_TOP]


@pytest.mark.parametrize("file", [b"", b"RIFF", pcap(link=113).getvalue()])
def test_what_is_no_pcap_is_said(file: bytes) -> None:
    with pytest.raises(ValueError, match="not"):
        SCRIPT.to_wav(io.BytesIO(file))


def test_the_laws_are_those_of_g711() -> None:
    assert [SCRIPT.SOUND[0][code] for code in (0x00, 0x7F, 0x80, 0xFF, 0xF0)] == [
        -32124,
        0,
        32124,
        0,
        120,
    ]
    assert [SCRIPT.SOUND[8][code] for code in (0xD5, 0x55, 0xAA, 0x2A, 0x80)] == [
        8,
        -8,
        32256,
        -32256,
        5504,
    ]
