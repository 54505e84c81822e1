"""Programs of ours that run apart: what a broken file does to them it does to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MOST: Final = 4 * 1024**2
"""So many bytes of what it prints are taken."""


class ChildFailed(Exception):
    """It did not print what was asked for; the text is the last line of its complaints."""


async def run_child(
    program: Path, *words: str, within_s: float, environ: Mapping[str, str] | None = None
) -> bytes:
    """What a program of ours prints; it sees no environment but this. Raises ChildFailed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(program),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"OPENBLAS_NUM_THREADS": "1", **(environ or {})},
        limit=_MOST,
    )
    try:
        async with asyncio.timeout(within_s):
            printed, complaints = await child.communicate()
    except TimeoutError:
        raise ChildFailed(f"it took more than {within_s:g} s") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())
    if child.returncode:
        last = complaints.decode(errors="replace").strip().rpartition("\n")[2]
        raise ChildFailed(last[:300] or f"it ended with {child.returncode}")
    return printed
