"""Two telephones talk through Kamailio and rtpengine; what was said hangs on the call."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib.util
import io
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import wave
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path

import pytest

from tests.running import LAST_RESORT, LINE, SECRET, House, rows
from tests.sip.exchange import (
    EXAMPLE,
    HOST,
    Kamailio,
    Telephones,
    free_ports,
    need_telephones,
    until,
)

CALLER = "Good morning, I would like to order forty chairs and a round table for our office."
MANAGER = "Hello, this is Anna speaking, let me look at what we have in the warehouse today."
RATE = 8000
TALK_S = 4.0
CALL = "audio-1@caller.example"

_MEDIA = ("rtpengine", "sox", "espeak-ng")


def need_media() -> None:
    """Where CI is set, not having them is a failure."""
    need_telephones()
    missing = [one for one in _MEDIA if shutil.which(one) is None]
    what = f"apt-get install {' '.join(missing)}" if missing else ""
    if importlib.util.find_spec("pjsua2") is None:
        what = f"{what}; pip install pjsua2-python (it has no wheel for Python 3.13)"
    if what:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no telephone with sound: {what}")
        pytest.skip(f"no telephone with sound: {what}")


@dataclass(frozen=True)
class Sentence:
    wav: Path
    ulaw: Path
    samples: array[int]


def say(folder: Path, name: str, words: str, voice: str) -> Sentence:
    raw, wav, ulaw = (folder / f"{name}.{suffix}" for suffix in ("raw.wav", "wav", "ulaw"))
    run("espeak-ng", "-v", voice, "-s", "160", "-w", str(raw), words)
    run("sox", str(raw), "-r", str(RATE), "-c", "1", "-b", "16", str(wav), "trim", "0", "3")
    run("sox", str(wav), "-t", "ul", "-r", str(RATE), "-c", "1", str(ulaw))
    with wave.open(str(wav)) as file:
        return Sentence(wav, ulaw, array("h", file.readframes(file.getnframes())))


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def loudness(samples: Sequence[int]) -> float:
    """RMS, of 32 768."""
    power: float = sum(map(mul, samples, samples)) / max(len(samples), 1)
    return math.sqrt(power)


def likeness(heard: Sequence[int], said: Sequence[int]) -> float:
    """How much of what was said is heard, wherever it begins: 1 all of it, near 0 something else.

    The highest normalised cross-correlation: half a second of it is looked for everywhere, then
    all of it about the best places.
    """
    word = said[RATE : RATE + RATE // 2]
    places = range(0, max(len(heard) - len(word), 1), 3)
    found = {place: _alike(heard[place : place + len(word) : 32], word[::32]) for place in places}
    best = sorted(places, key=lambda place: -found[place])[:10]
    near = {place - RATE + more for place in best for more in (-1, 0, 1)}
    return max(_alike(heard[place : place + len(said)], said) for place in near if place >= 0)


def _alike(heard: Sequence[int], said: Sequence[int]) -> float:
    size = math.sqrt(sum(map(mul, heard, heard)) * sum(map(mul, said, said)))
    return sum(map(mul, heard, said)) / size if size else 0.0


SETUP = """
[company]
name = "Ромашка"
duty = "anna"
[routing]
owner_min_talk_s = 0
[[account]]
key = "main"
secret = "{secret}"
default_line = "{line}"
[[manager]]
key = "anna"
name = "Анна"
dial = "sip:anna@127.0.0.1:{port}"
[[ladder]]
key = "only"
[[ladder.step]]
ring = "manager"
managers = ["anna"]
seconds = 20
[[line]]
number = "{line}"
account = "main"
ladder = "only"
last_resort = "{last_resort}"
recording = true
"""


@contextlib.contextmanager
def rtpengine(folder: Path) -> Iterator[int]:
    """Gives the port that it is controlled by."""
    folder.mkdir()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    command = ["rtpengine", "--foreground", "--log-stderr", "--log-level=4", "--table=-1"]
    command += [f"--interface={HOST}", f"--listen-ng={HOST}:{port}", f"--pidfile={folder}/pid"]
    command += ["--recording-method=pcap", "--recording-format=eth", f"--recording-dir={folder}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,  # it leaves a core there when it is ended
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until("rtpengine answers", lambda: _pong(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _pong(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        asking.sendto(b"1 d7:command4:pinge", (HOST, port))
        with contextlib.suppress(OSError):
            return b"pong" in asking.recv(1000)
    return False


@contextlib.contextmanager
def phone(port: int, sentence: Sentence, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.sip.phone", str(port), str(sentence.wav)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        until("the phone listens", lambda: b"listens" in log.read_bytes() or process.poll())
        assert process.poll() is None, log.read_text(errors="replace")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def read(sound: bytes) -> tuple[float, array[int], array[int]]:
    """Its length in seconds, and both sides."""
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        both = array("h", file.readframes(file.getnframes()))
    return len(both) / 2 / RATE, both[0::2], both[1::2]


def get(house: House, token: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(HOST, house.port, timeout=10)
    try:
        connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


@pytest.mark.slow
def test_what_two_telephones_said_hangs_on_the_call(tmp_path: Path) -> None:
    need_media()
    caller = say(tmp_path, "caller", CALLER, "en")
    manager = say(tmp_path, "manager", MANAGER, "en+f3")
    port, fallback = free_ports(2)
    house = House(tmp_path / "var")
    setup = SETUP.format(secret=SECRET, line=LINE, port=port, last_resort=LAST_RESORT)
    asyncio.run(house.apply(setup))
    made = asyncio.run(house.run("token", "add", "tests", "--role", "auditor"))
    token, server = made.printed.strip(), house.open()
    try:
        asyncio.run(server.ready())
        talk(house, tmp_path, manager, port, fallback)
        look_at(house, token, caller, manager)
    finally:
        if server.process.poll() is None:
            asyncio.run(server.stop())


def talk(house: House, folder: Path, manager: Sentence, port: int, fallback: int) -> None:
    """The call; the caller's sentence lies in the folder. What rtpengine has of it is sent by the script of the example."""
    with contextlib.ExitStack() as going:
        control = going.enter_context(rtpengine(folder / "rtpengine"))
        defines = {"WITH_MEDIA": "", "CALLROUTER_RTPENGINE": f'"udp:{HOST}:{control}"'}
        kamailio = Kamailio(
            folder / "kamailio",
            f"{HOST}:{house.port}",
            SECRET,
            f"sip:100@{HOST}:{fallback}",
            defines=defines,
        )
        going.callback(kamailio.stop)
        kamailio.start()
        going.enter_context(phone(port, manager, folder / "phone.log"))
        telephones = Telephones(folder, f"{HOST}:{kamailio.port}")
        going.callback(telephones.stop)
        calling = telephones.caller(
            LINE,
            ref=CALL,
            scenario="caller_speaks",
            ms=round(TALK_S * 1000),
        )
        calling.wait()
        pcaps = folder / "rtpengine" / "pcaps"
        until("rtpengine has a recording", lambda: list(pcaps.glob("*.pcap")))
        secret = folder / "secret"
        secret.write_text(f"{SECRET}\n")
        script = EXAMPLE / "upload_recording.py"
        hook = f"{house.url}/webhooks/pbx/main"
        told = run(
            *(sys.executable, str(script), "--hook", hook),
            *("--secret-file", str(secret), str(pcaps)),
        )
        assert json.loads(told)["ok"] is True
        assert list(pcaps.glob("*.pcap")) == []


def look_at(house: House, token: str, caller: Sentence, manager: Sentence) -> None:
    def ended() -> dict[str, object] | None:
        items = json.loads(get(house, token, "/calls"))["items"]
        return next((one for one in items if one["state"] == "answered"), None)

    call = until("the call is over", ended)
    assert call["call_id"] == CALL
    assert call["recording"] == f"/api/v1/calls/{call['id']}/recording"
    sound = get(house, token, f"/calls/{call['id']}/recording")
    seconds, left, right = read(sound)
    assert seconds == pytest.approx(TALK_S, abs=0.5)
    assert seconds == pytest.approx(call["duration_s"], abs=0.5)
    kept = asyncio.run(rows(house.base_url, "SELECT size, seconds FROM recording"))
    assert kept == [(len(sound), pytest.approx(seconds, abs=0.001))]
    alike = [[likeness(side, one.samples) for one in (caller, manager)] for side in (left, right)]
    if alike[0][0] < alike[1][0]:  # left is who spoke first, and both begin at once
        alike.reverse()
        left, right = right, left
    assert min(alike[0][0], alike[1][1]) > 0.9
    assert max(alike[0][1], alike[1][0]) < 0.4
    for side, one in ((left, caller), (right, manager)):
        part = len(one.samples) / len(side)
        assert loudness(side) == pytest.approx(loudness(one.samples) * part**0.5, rel=0.15)
