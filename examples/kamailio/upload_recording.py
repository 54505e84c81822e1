#!/usr/bin/env python3
r"""Makes WAV files of what rtpengine recorded and sends them to callrouter.

    upload_recording.py --hook https://crm.example/webhooks/pbx/main \
        --secret-file /etc/callrouter.secret /var/spool/rtpengine/pcaps

Run it every minute (cron, a systemd timer). rtpengine moves a pcap there when its call is over; its
name is the Call-ID. What was taken is deleted (--keep: stays, as .sent), what is refused gets the
ending .refused, and everything else is tried again the next time. Left is who spoke first, right
is everybody else. Needs Python 3.9 and nothing besides; reads G.711 (PCMU, PCMA).
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import http.client
import io
import json
import os
import re
import ssl
import struct
import sys
import urllib.parse
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

RATE = 8000
LONGEST_S = 6 * 3600
NAME = re.compile(r"(?P<call>.+)-[0-9a-f]{8,}\.pcap")


class Packet(NamedTuple):
    """Sound on its way. `sender`, `receiver`: address and port; `kind`: RTP's payload type."""

    sender: bytes
    receiver: bytes
    stream: int
    kind: int
    timestamp: int
    codes: bytes


def read_pcap(file: IO[bytes]) -> Iterator[tuple[float, bytes]]:
    """Yield each packet's moment in seconds and its bytes from the IP header on."""
    head = file.read(24)
    kinds = {
        b"\xd4\xc3\xb2\xa1": ("<", 1e6),
        b"\xa1\xb2\xc3\xd4": (">", 1e6),
        b"\x4d\x3c\xb2\xa1": ("<", 1e9),
        b"\xa1\xb2\x3c\x4d": (">", 1e9),
    }
    if head[:4] not in kinds:
        raise ValueError("not a pcap file")
    order, parts = kinds[head[:4]]
    (link,) = struct.unpack(order + "I", head[20:24])
    skip = {1: 14, 12: 0, 101: 0, 228: 0, 229: 0}.get(link & 0xFFFF)
    if skip is None:
        raise ValueError(f"link type {link} is not known; use --recording-format=eth or raw")
    while len(record := file.read(16)) == 16:
        second, part, size, _ = struct.unpack(order + "IIII", record)
        packet = file.read(size)
        if len(packet) < size:
            return  # cut off
        yield second + part / parts, packet[skip:]


def read_rtp(packet: bytes) -> Packet | None:
    """Who sent it and to whom, its stream, type, timestamp and sound; None: no RTP."""
    if not packet:
        return None
    version = packet[0] >> 4
    if version == 4 and len(packet) > 20 and packet[9] == 17:
        at, ends = (packet[0] & 15) * 4, packet[12:20]
    elif version == 6 and len(packet) > 40 and packet[6] == 17:
        at, ends = 40, packet[8:40]
    else:
        return None
    size = len(ends) // 2
    udp = packet[at : at + 8]
    if len(udp) < 8:
        return None
    (length,) = struct.unpack("!H", udp[4:6])
    rtp = packet[at + 8 : at + length]
    if len(rtp) < 12 or rtp[0] >> 6 != 2:
        return None
    start = 12 + (rtp[0] & 15) * 4
    if rtp[0] & 16:
        if len(rtp) < start + 4:
            return None
        start += 4 + struct.unpack("!H", rtp[start + 2 : start + 4])[0] * 4
    stop = len(rtp) - rtp[-1] if rtp[0] & 32 else len(rtp)
    _, timestamp, stream = struct.unpack("!HII", rtp[2:12])
    sender, receiver = ends[:size] + udp[:2], ends[size:] + udp[2:4]
    return Packet(sender, receiver, stream, rtp[1] & 127, timestamp, rtp[start:stop])


def _ulaw(code: int) -> int:
    code = ~code & 255
    size = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return -size if code & 128 else size


def _alaw(code: int) -> int:
    code ^= 0x55
    step, size = code >> 4 & 7, (code & 15) << 4
    size = size + 8 if step == 0 else size + 264 << step - 1
    return size if code & 128 else -size


SOUND = {0: [_ulaw(code) for code in range(256)], 8: [_alaw(code) for code in range(256)]}


class Side:
    """What one side said: each packet at its place, silence between."""

    def __init__(self) -> None:
        self.samples = array("h")
        self.streams: dict[object, tuple[int, int]] = {}

    def add(self, moment: float, stream: object, packet: Packet) -> None:
        began = (round(moment * RATE), packet.timestamp)
        start, first = self.streams.setdefault(stream, began)
        place = start + (packet.timestamp - first + (1 << 31)) % (1 << 32) - (1 << 31)
        if not 0 <= place < LONGEST_S * RATE:
            self.streams[stream] = began  # it counts anew
            place = began[0]
        end = place + len(packet.codes)
        if end > len(self.samples):
            self.samples.extend(array("h", bytes(2 * (end - len(self.samples)))))
        table = SOUND[packet.kind]
        self.samples[place:end] = array("h", [table[code] for code in packet.codes])


def to_wav(pcap: IO[bytes]) -> bytes | None:
    """A WAV of two channels, as bytes; None where nobody said anything. Raises ValueError."""
    sides, left, first = (Side(), Side()), b"", -1.0
    for moment, raw in read_pcap(pcap):
        packet = read_rtp(raw)
        if packet is None or packet.kind not in SOUND or not packet.codes:
            continue
        if not left:
            left, first = packet.sender, moment
        if 0 <= moment - first < LONGEST_S:
            stream = (packet.sender, packet.receiver, packet.stream)
            sides[packet.sender != left].add(moment - first, stream, packet)
    if not left:
        return None
    longest = max(len(side.samples) for side in sides)
    both = array("h", bytes(4 * longest))
    for n, side in enumerate(sides):
        both[n : 2 * len(side.samples) : 2] = side.samples
    if sys.byteorder == "big":
        both.byteswap()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(both.tobytes())
    return file.getvalue()


def put(hook: str, secret: str, call: str, sound: bytes) -> tuple[int, str]:
    """Send a file; gives status and answer."""
    to = urllib.parse.urlsplit(hook)
    connection = http.client.HTTPConnection(to.netloc, timeout=60)
    if to.scheme == "https":
        safe = ssl.create_default_context()
        connection = http.client.HTTPSConnection(to.netloc, timeout=60, context=safe)
    try:
        connection.request(
            "PUT",
            f"{to.path.rstrip('/')}/recordings/{urllib.parse.quote(call, safe='')}",
            body=sound,
            headers={
                "Authorization": "Basic "
                + base64.b64encode(f"kamailio:{secret}".encode()).decode(),
                "Content-Type": "audio/wav",
            },
        )
        answer = connection.getresponse()
        return answer.status, answer.read(10_000).decode(errors="replace")
    finally:
        connection.close()


def upload(path: Path, hook: str, secret: str, *, keep: bool) -> bool:
    """Send one file and put it away. False: to be tried again."""
    found = NAME.fullmatch(path.name)
    try:
        with path.open("rb") as pcap:
            sound = to_wav(pcap)
    except ValueError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        path.rename(path.with_name(path.name + ".refused"))
        return True
    if sound is not None:
        call = urllib.parse.unquote(found["call"] if found else path.stem)
        try:
            status, said = put(hook, secret, call, sound)
        except (OSError, http.client.HTTPException) as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            return False
        if status in (401, 408, 429) or status >= 500:
            print(f"{path.name}: {status} {said}", file=sys.stderr)
            return False
        if status != 200:
            print(f"{path.name}: {status} {said}", file=sys.stderr)
            path.rename(path.with_name(path.name + ".refused"))
            return True
        print(json.dumps({"file": path.name, **json.loads(said)}))
    if keep:
        path.rename(path.with_name(path.name + ".sent"))
    else:
        path.unlink()
    return True


def main() -> int:
    says = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    says.add_argument("folder", type=Path, help="rtpengine's --recording-dir, with /pcaps")
    says.add_argument("--hook", required=True, help="https://…/webhooks/pbx/ACCOUNT")
    says.add_argument("--secret-file", type=Path, required=True, help="the account's secret")
    says.add_argument("--keep", action="store_true", help="rename what was sent to .sent")
    given = says.parse_args()
    secret = given.secret_file.read_text(encoding="utf-8").strip()
    held = os.open(given.folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return 0  # the last run still goes on
    files = sorted(given.folder.glob("*.pcap"))
    done = [upload(path, given.hook, secret, keep=given.keep) for path in files]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
