"""What `callrouter jobs` prints, and running a dead job again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from callrouter import terminal
from callrouter.terminal import Failed
from storage import jobs

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.settings import Settings
    from storage.jobs import Job


def show_jobs(settings: Settings, *, dead: bool, as_json: bool) -> str:
    """The 50 that are to be done next, or the 50 that were given up last."""
    found: list[Job] = terminal.read(settings, jobs.listed, dead=dead)
    if as_json:
        hidden = ("token", "payload")
        shown = [
            {
                name: value.isoformat() if hasattr(value, "isoformat") else value
                for name, value in asdict(one).items()
                if name not in hidden
            }
            for one in found
        ]
        return json.dumps(shown, ensure_ascii=False, indent=2)
    return "\n".join(_lines(found, terminal.now())) or _nothing(dead=dead)


def _lines(found: Sequence[Job], now: datetime) -> list[str]:
    lines = []
    for one in found:
        when = one.ended_at if one.state == "dead" else one.due_at
        state = "running" if one.state == "leased" and one.due_at > now else one.state
        head = f"{one.id}  {one.kind}  {state}  {when:%Y-%m-%d %H:%M:%S}Z  attempts: {one.attempts}"
        lines.append(f"{head}  {one.error}" if one.error else head)
    return lines


def _nothing(*, dead: bool) -> str:
    return "No job is dead." if dead else "Nothing is to be done."


def retry(settings: Settings, id_: str) -> str:
    """Run a dead job again, with all its attempts before it."""
    found = terminal.write(settings, jobs.revive, id_, now=terminal.now())
    if found is None:
        raise Failed(f"there is no dead job {id_}; `callrouter jobs --dead` lists them")
    return f"{id_}: {found.kind} will be run again."
