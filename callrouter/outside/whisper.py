"""What was said in a file of sound, by faster-whisper. A program of its own: see `child.py`.

    python whisper.py MODEL FILE LANGUAGE

`MODEL` is a folder of this machine: nothing is asked of the network. It prints
`[{"from": 0.0, "to": 2.5, "text": "…"}, …]`, in seconds.
"""

from __future__ import annotations

import json
import os
import resource
import sys

THREADS = 2
MEMORY = 8 * 1024**3


def main() -> None:
    model, path, language = sys.argv[1:]
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from faster_whisper import WhisperModel

    whisper = WhisperModel(
        model, device="cpu", compute_type="int8", cpu_threads=THREADS, local_files_only=True
    )
    parts, _ = whisper.transcribe(path, language=language, beam_size=5)
    found = [
        {"from": round(part.start, 2), "to": round(part.end, 2), "text": part.text.strip()}
        for part in parts
    ]
    print(json.dumps(found, ensure_ascii=False))  # noqa: T201  its answer


if __name__ == "__main__":
    main()
