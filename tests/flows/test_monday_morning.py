"""Callers who wait get their turn: checked on a played Monday morning, call by call."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from callrouter.domain.waiting import ASKS_EVERY_S
from callrouter.domain.why import PROMISED, Candidate, Why
from callrouter.fakepbx import CallTruth
from storage.database import open_database
from tests.examples import LAST_RESORT
from tests.flows.monday import (
    BY_DIAL,
    ENGLISH,
    MANAGERS,
    RING_S,
    WAIT_S,
    WRAP_UP_S,
    Morning,
    ideal_waits,
    play_morning,
    real_waits,
    waits_at,
    waits_of,
)

# One worker plays the mornings, and not each of them anew.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("monday")]

NETWORK = timedelta(seconds=0.5)
NOT_HIS = frozenset({"no_answer", "rejected", "phone_busy", "no_skill", "no_phone"})
"""Reasons of a why for which a caller may not have a manager who is free."""


async def _play(folder: Path, seed: int) -> Morning:
    database = open_database(f"sqlite:///{folder / 'base.sqlite'}", checkpoints=True)
    await database.migrate()
    try:
        return await play_morning(database, seed)
    finally:
        await database.close()


@pytest.fixture(scope="module", params=[3])
def morning(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Morning:
    """Played once; every test looks at the same."""
    return asyncio.run(_play(tmp_path_factory.mktemp("monday"), request.param))


def test_it_is_a_morning_to_speak_of(morning: Morning) -> None:
    assert len(morning.callers) == 40
    assert len(morning.calls) == 44
    assert morning.truth.bad_answers == []
    assert sum(bool(call.waits) for call in morning.calls) > 20
    assert sum(bool(call.redial_of or call.end == "caller_hung_up") for call in morning.calls) == 4
    assert all(call.routed_by == "service" for call in morning.calls)


def test_nobody_is_overtaken_without_a_reason_in_why(morning: Morning) -> None:
    reasons: Counter[str] = Counter()
    for later in morning.calls:
        for ring in later.rings:
            manager = BY_DIAL.get(ring.dial)
            for earlier in morning.calls if manager else ():
                ahead = morning.place(earlier) < morning.place(later)
                if earlier is not later and ahead and waits_at(earlier, ring.since):
                    reason = _reason(morning, earlier, later, str(manager), ring.since)
                    reasons[reason] += 1
    print("overtaken, and why:", dict(reasons))
    assert reasons[""] == 0
    assert reasons["responsible"] > 0


def _reason(
    morning: Morning, earlier: CallTruth, later: CallTruth, manager: str, moment: datetime
) -> str:
    """Why the earlier caller does not get this manager now; empty: nobody says so."""
    why = morning.why_at(later, moment)
    if why.responsible and why.responsible.manager == manager:
        return "responsible"
    mine = morning.rows[earlier.call_id].id
    if mine in {one.call for one in _candidates(why) if one.passed in PROMISED}:
        return "has another"
    whys = morning.whys[earlier.call_id]
    known = [one for one in whys if one.at <= moment] + [one for one in whys if one.at > moment][:1]
    passed = {
        one.passed or "" for why in known for one in _candidates(why) if one.manager == manager
    }
    return next(iter(sorted(passed & NOT_HIS)), "")


def _candidates(why: Why) -> list[Candidate]:
    return [one for step in why.steps for one in step.candidates]


def test_the_wait_is_close_to_the_ideal_queues(morning: Morning) -> None:
    real, ideal = real_waits(morning), ideal_waits(morning)
    print(f"mean wait {mean(real):.1f} s, ideal {mean(ideal):.1f} s, longest {max(real):.0f} s")
    assert len(real) == len(ideal) > 25
    assert mean(real) == pytest.approx(mean(ideal), rel=0.1, abs=ASKS_EVERY_S)


def test_the_last_resort_comes_only_after_the_limit(morning: Morning) -> None:
    went = [
        (call, ring) for call in morning.calls for ring in call.rings if ring.dial == LAST_RESORT
    ]
    assert went
    for call, ring in went:
        waited = (ring.since - call.waits[0]).total_seconds()
        assert WAIT_S <= waited < WAIT_S + RING_S + ASKS_EVERY_S
    for call in morning.calls:
        if call.waits and call not in [one for one, _ in went]:
            assert call.waits[-1] - call.waits[0] < timedelta(seconds=WAIT_S)


def test_who_calls_again_within_two_minutes_keeps_his_place(morning: Morning) -> None:
    by_number: dict[str | None, list[CallTruth]] = {}
    for call in morning.calls:
        by_number.setdefault(call.caller, []).append(call)
    pairs = [calls for calls in by_number.values() if len(calls) == 2]
    assert len(pairs) == 4
    kept = []
    for old, new in pairs:
        gap = (new.began - (old.ended or new.began)).total_seconds()
        rows = [morning.rows[one.call_id] for one in (old, new)]
        kept.append(rows[1].waiting_since == rows[0].waiting_since)
        assert kept[-1] == (gap <= 120)
        place = morning.whys[new.call_id][0].place
        assert place is None or place.kept == kept[-1]
    assert sorted(kept) == [False, True, True, True]


def test_no_manager_idles_while_somebody_waits_who_may_have_him(morning: Morning) -> None:
    """Longer than until that caller is asked for again; a caller who leaves lets it begin anew.

    Who did not pick up twice running is rung last for a while, and why says so.
    """
    longest = timedelta(seconds=ASKS_EVERY_S) + NETWORK
    left = [call.ended for call in morning.calls if call.end == "caller_hung_up" and call.ended]
    found = []
    for manager in MANAGERS:
        for since, until in _idle(morning, manager.key):
            for call in morning.calls:
                if call.line == ENGLISH and "en" not in manager.skills:
                    continue
                for begin, end in _waited(call):
                    low, high = max(since, begin), min(until, end)
                    edges = [low, *sorted(one for one in left if low < one < high), high]
                    idle = max((b - a for a, b in pairwise(edges)), default=timedelta(0))
                    if idle > longest and not _is_passed(morning, call, manager.key, low, high):
                        found.append((manager.key, call.call_id, str(low), idle.total_seconds()))
    assert found == []


def _is_passed(
    morning: Morning, call: CallTruth, manager: str, since: datetime, until: datetime
) -> bool:
    """Tell whether every decision on a call between two moments names why it may not have him."""
    between = [why for why in morning.whys[call.call_id] if since < why.at < until]
    own = [[one for one in _candidates(why) if one.manager == manager] for why in between]
    return bool(own) and all(
        any(one.passed in NOT_HIS | {"cooling"} for one in found) for found in own
    )


def _idle(morning: Morning, manager: str) -> list[tuple[datetime, datetime]]:
    """When a manager was free: neither rung, nor in a talk, nor in wrap-up."""
    dial = next(dial for dial, key in BY_DIAL.items() if key == manager)
    held = [
        (ring.since, ring.until)
        for call in morning.calls
        for ring in call.rings
        if ring.dial == dial
    ]
    held += [
        (talk.since, (talk.until or talk.since) + timedelta(seconds=WRAP_UP_S))
        for call in morning.calls
        for talk in call.talks
        if talk.dial == dial
    ]
    ends = sorted((since, until or since) for since, until in held)
    first = min(call.began for call in morning.calls)
    last = max(call.ended for call in morning.calls if call.ended)
    free, begin = [], first
    for since, until in ends:
        if since > begin:
            free.append((begin, since))
        begin = max(begin, until)
    return [*free, (begin, last)] if begin < last else free


def _waited(call: CallTruth) -> list[tuple[datetime, datetime]]:
    """Its waits, those that follow at once put together."""
    found: list[tuple[datetime, datetime]] = []
    for since, until in waits_of(call):
        if found and found[-1][1] == since:
            found[-1] = (found[-1][0], until)
        else:
            found.append((since, until))
    return found


def test_a_manager_is_never_rung_by_two_calls_at_once(morning: Morning) -> None:
    rings: dict[str, list[tuple[datetime, datetime]]] = {}
    for call in morning.calls:
        for ring in call.rings:
            if ring.dial in BY_DIAL and ring.until:
                rings.setdefault(ring.dial, []).append((ring.since, ring.until))
    assert len(rings) == len(MANAGERS)
    for times in rings.values():
        assert all(one[1] <= other[0] for one, other in pairwise(sorted(times)))
