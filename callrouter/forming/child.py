"""The child that renders: it warms up, shuts the door behind itself, then answers requests.

After the warm-up nothing can be opened any more, neither file nor socket: everything that it
needs it has in memory. Each request has so much CPU; memory is what the warm-up took, and a
little more.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from callrouter.forming.errors import Refused, TooLarge
from callrouter.forming.nursery import CPU_S

MOST_MEMORY: Final = 256 * 1024**2
"""More than the warm-up took."""

Answer = dict[str, Any]


def main() -> None:
    """Answer requests until nobody asks any more."""
    do = _prepared()
    _shut_the_door()
    _write(b"{}")
    while (request := _read()) is not None:
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        answer = _answer(do, json.loads(request))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(json.dumps(answer).encode())


def _prepared() -> dict[str, Callable[[Answer], Answer]]:
    """Import and open all that will ever be needed: a little of everything is rendered once."""
    from callrouter.forming import rendering

    rendering.warm_up()
    return {"offer": rendering.offer, "letter": rendering.letter, "names": rendering.names}


def _shut_the_door() -> None:
    """No file and no socket from now on, nothing to write to, no core, a bound on memory."""
    sys.stdin.flush()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _answer(do: dict[str, Callable[[Answer], Answer]], request: Answer) -> Answer:
    try:
        return do[request["what"]](request)
    except TooLarge as error:
        return {"problem": str(error), "place": error.place, "too_much": True}
    except Refused as error:
        return {"problem": str(error), "place": error.place}
    except MemoryError:
        return {"problem": "it needs too much memory", "too_much": True}
    except RecursionError:
        return {"problem": "it calls itself too deeply", "too_much": True}
    except Exception as error:  # noqa: BLE001 - a template that we did not think of costs itself
        return {"problem": f"it cannot be rendered ({type(error).__name__})"}


def _read() -> bytes | None:
    if len(head := _read_exactly(4)) < 4:
        return None
    (length,) = struct.unpack(">I", head)
    body = _read_exactly(length)
    return body if len(body) == length else None


def _read_exactly(count: int) -> bytes:
    found = bytearray()
    while len(found) < count and (piece := os.read(0, min(count - len(found), 1 << 20))):
        found += piece
    return bytes(found)


def _write(body: bytes) -> None:
    left = memoryview(struct.pack(">I", len(body)) + body)
    while left:
        left = left[os.write(1, left) :]
