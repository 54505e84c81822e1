"""How loud a file of sound is, for drawing. A program of its own: see `child.py`.

    python sounding.py FILE

prints `{"seconds": 12.5, "channels": [[0, 40, 100, …], …]}`: the loudest of each of at most 1000
equal stretches, in hundredths of what is possible.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator

import numpy as np
import soundfile

PEAKS = 1000
BLOCK = 65536
MOST_CHANNELS = 8
MOST_SECONDS = 24 * 3600
CPU_S = 120
MEMORY = 2 * 1024**3


def read(path: str) -> dict[str, object]:
    """Raises ValueError for what is no sound, or too much of it; soundfile's own errors."""
    with soundfile.SoundFile(path) as file:
        if not 0 < file.frames <= MOST_SECONDS * file.samplerate:
            raise ValueError("there is no sound in it, or more than a day")
        if file.channels > MOST_CHANNELS:
            raise ValueError(f"it has {file.channels} channels")
        stretch = -(-file.frames // PEAKS)
        peaks = np.concatenate(list(_loudest(file, stretch)))
        found = np.minimum(np.round(peaks * 100), 100).astype(int).T.tolist()
        return {"seconds": round(file.frames / file.samplerate, 3), "channels": found}


def _loudest(file: soundfile.SoundFile, stretch: int) -> Iterator[np.ndarray]:
    """Per stretch and channel, a block after the other."""
    many = stretch * max(1, BLOCK // stretch)
    while len(block := file.read(many, dtype="float32", always_2d=True)):
        loud = np.abs(block)
        if rest := len(loud) % stretch:
            loud = np.pad(loud, ((0, stretch - rest), (0, 0)))
        yield loud.reshape(-1, stretch, loud.shape[1]).max(axis=1)


def main() -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        print(json.dumps(read(sys.argv[1]), separators=(",", ":")))  # noqa: T201  its answer
    except (soundfile.SoundFileError, ValueError, MemoryError) as error:
        raise SystemExit(f"it cannot be read: {error}"[:300]) from None


if __name__ == "__main__":
    main()
