"""How a recording that is fetched from a PBX is told of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.fetches import Fetch, FetchState
from storage.recordings import RecordingKind


@dataclass(frozen=True, slots=True)
class RecordingFetch:
    """A recording that the PBX named. `leg`: of which attempt; `reason`: why it is not here.

    `waiting`: it is asked for until it comes, for a day; `missing`: it did not; `refused`: it
    cannot come; `unwanted`: the caller asked not to be recorded. `tries`: how often it was not
    ready.
    """

    state: FetchState
    kind: RecordingKind
    leg: str | None
    reason: str | None
    tries: int
    asked_at: datetime
    settled_at: datetime | None


def fetch_body(one: Fetch) -> RecordingFetch:
    return RecordingFetch(
        state=one.state,
        kind=one.kind,
        leg=one.leg,
        reason=one.reason,
        tries=one.tries,
        asked_at=one.asked_at,
        settled_at=one.settled_at,
    )
