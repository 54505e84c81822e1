"""Whether a talk is recorded, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from callrouter.domain.decisions import Can
    from callrouter.domain.routing import CallerFacts
    from callrouter.domain.setup import Line

Recorded = Literal["yes", "asked", "line", "pbx"]
"""`asked`: the caller asked not to be; `line`: its calls are not; `pbx`: it cannot be told to."""


def recorded(line: Line, caller: CallerFacts, can: Can) -> Recorded:
    """Whether a call in is recorded. What a caller asked for comes before what a line says."""
    if caller.unrecorded:
        return "asked"
    if not line.recording:
        return "line"
    return "yes" if can.record else "pbx"
