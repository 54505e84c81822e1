"""From sound to text: a port, and the one who does it here, on this machine alone."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from callrouter.outside.child import ChildFailed, run_child

PROGRAM: Final = Path(__file__).with_name("whisper.py")

WITHIN_S: Final = 2 * 3600.0
"""A long talk on a slow machine takes about as long as it lasted."""


class NotTranscribed(Exception):
    """Nobody could make text of it; the text says why."""


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of speech; `start` and `end` in seconds from the beginning."""

    start: float
    end: float
    text: str


class Transcriber(Protocol):
    """Whoever makes text of sound."""

    async def transcribe(self, path: Path, language: str) -> Sequence[Said]:
        """`language`: as `ru`. Raises NotTranscribed."""
        ...


@dataclass(frozen=True, slots=True)
class Whisper:
    """faster-whisper (the extra `transcribe`) with a model in a folder of this machine."""

    model: Path

    async def transcribe(self, path: Path, language: str) -> Sequence[Said]:
        words = (str(self.model), str(path), language)
        offline = {"HF_HUB_OFFLINE": "1"}
        try:
            printed = await run_child(PROGRAM, *words, within_s=WITHIN_S, environ=offline)
        except ChildFailed as error:
            raise NotTranscribed(str(error)) from None
        return [Said(one["from"], one["to"], one["text"]) for one in json.loads(printed)]


def open_transcriber(model: str) -> Whisper:
    """Whisper with the model in this folder. Raises ValueError."""
    if not (Path(model) / "model.bin").is_file():
        raise ValueError(f"there is no model.bin in {model}")
    if importlib.util.find_spec("faster_whisper") is None:
        raise ValueError("it needs: pip install 'callrouter[transcribe]'")
    return Whisper(Path(model).absolute())
