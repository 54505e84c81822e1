"""What a PBX keeps of a call is asked for once, hangs on the right call and leg, and is settled."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import update

from callrouter.domain.events import CallEvent
from callrouter.flows.fetches import NothingToFetch, Part, fetch_again, give_up, keep_fetched
from callrouter.flows.recordings import Upload, hang
from callrouter.flows.sweep import sweep
from callrouter.missing_recordings import expected_of
from storage import fetches, jobs, tables
from storage.database import Database
from storage.fetches import Fetch
from storage.jobs import Job
from storage.listing import Viewer
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP, event
from tests.office import Office, entry

URL = "https://pbx.example.com/rec/1.wav?token=hidden"


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


ADMIN = Viewer("admin")

RINGING = event("ringing")
ANSWERED = event("answered", "c1", at(5), leg_ref="a1", target="101")
ENDED = event("ended", "c1", at(50), reason="completed")
RECORDED = event("recording", "c1", at(60), recording_id="r1", recording_url=URL, leg_ref="a1")
PART = Part("recordings/aa/aa.wav", "wav", 16044, "5" * 64, 1.0)


async def fetches_of(office: Office) -> list[Fetch]:
    found = [row.id for row in await office.rows(tables.fetch)]
    every = [await office.database.read(fetches.find, id_) for id_ in found]
    return [one for one in every if one]


async def only(office: Office) -> Fetch:
    (one,) = await fetches_of(office)
    return one


async def asked(office: Office) -> list[Job]:
    found = await office.database.read(jobs.listed)
    return [one for one in found if one.kind == "fetch_recording"]


async def calls(office: Office) -> dict[str, str]:
    return {row.ref: row.id for row in await office.rows(tables.call)}


async def test_what_an_event_names_is_asked_for(office: Office) -> None:
    await office.take(RINGING, ANSWERED, ENDED)
    await office.take(RECORDED)
    one, (job,) = await only(office), await asked(office)
    assert (one.account, one.ref, one.call) == ("main", "r1", (await calls(office))["c1"])
    assert (one.leg, one.kind, one.url, one.state) == ("a1", "talk", URL, "waiting")
    assert (job.payload["fetch"], job.due_at) == (one.id, at(60))
    assert "hidden" not in f"{job.payload}{job.key}"


async def test_the_order_does_not_matter(office: Office) -> None:
    for round_, order in enumerate(permutations((RINGING, ANSWERED, ENDED, RECORDED))):
        for one in order:
            await office.take(_of_round(one, round_), now=at(60))
        found = {one.ref: (one.call, one.leg) for one in await fetches_of(office)}
        assert found[f"r1-{round_}"] == ((await calls(office))[f"c1-{round_}"], "a1")
        assert len(found) == len(await asked(office)) == round_ + 1


async def test_however_often_it_is_told_it_is_asked_for_once(office: Office) -> None:
    """Repeated, under other keys, with the end and after it, in one batch and in several."""
    end = replace(ENDED, recording_id="r1", recording_url=URL)
    again = [replace(RECORDED, key=f"again-{n}") for n in range(3)]
    await office.take(RINGING, RECORDED, end, RECORDED, *again)
    for one in (RECORDED, end, *again, replace(again[0], key="late", received=at(86400))):
        await office.take(one)
    assert await office.count(tables.fetch) == 1
    assert len(await asked(office)) == 1


async def test_one_named_with_the_end_has_a_moment_to_be_closed(office: Office) -> None:
    await office.take(RINGING, ANSWERED, replace(ENDED, recording_url=URL))
    (job,) = await asked(office)
    assert job.due_at == at(55)


async def test_days_later_it_is_still_of_the_same_call(office: Office) -> None:
    await office.take(RINGING, ANSWERED, ENDED)
    await office.take(replace(RECORDED, received=at(3 * 86400), at=at(3 * 86400)))
    assert await office.count(tables.call) == 1
    assert (await only(office)).state == "waiting"


async def test_two_parts_and_two_legs_of_one_call_are_recordings_of_their_own(
    office: Office,
) -> None:
    second = replace(RECORDED, key="2", recording_id="r2", recording_url=URL + "2")
    leg = replace(RECORDED, key="3", recording_id="r3", leg_ref="a2")
    message = replace(RECORDED, key="4", recording_id="r4", recording_kind="message")
    await office.take(RINGING, RECORDED, second)
    await office.take(leg, message)
    found = {one.ref: (one.leg, one.kind) for one in await fetches_of(office)}
    assert found == {
        "r1": ("a1", "talk"),
        "r2": ("a1", "talk"),
        "r3": ("a2", "talk"),
        "r4": ("a1", "message"),
    }
    assert len(await asked(office)) == 4


async def test_without_an_id_an_address_of_a_call_is_one_recording(office: Office) -> None:
    nameless = replace(RECORDED, recording_id=None)
    await office.take(RINGING, nameless, replace(nameless, key="2"))
    await office.take(replace(nameless, key="3", recording_url=URL + "&part=2"))
    await office.take(event("ringing", "c2", caller="89160000002"))
    await office.take(replace(nameless, key="4", call_ref="c2"))
    assert sorted(one.call for one in await fetches_of(office)) == sorted(
        [(await calls(office))["c1"]] * 2 + [(await calls(office))["c2"]]
    )


async def test_a_phone_that_is_named_tells_the_leg(office: Office) -> None:
    await office.take(RINGING, ANSWERED, ENDED)
    await office.take(replace(RECORDED, leg_ref=None, target="PJSIP/101-0000001a"))
    row = await office.only(tables.fetch)
    talked = [leg.ref for leg in await office.rows(tables.leg) if leg.answered_at]
    assert [row.leg] == talked


async def test_an_id_alone_is_nothing_where_nobody_can_be_asked(office: Office) -> None:
    """The PBX sends the audio itself then; so it is with its own upload."""
    upload = Upload("main", "c1", "a1", "talk", "wav", 16044, "5" * 64, 1.0, at(60))
    await office.take(RINGING, replace(RECORDED, recording_url=None))
    await office.take(entry(upload.event, body=upload.body))
    assert await office.count(tables.fetch) == 0
    assert await asked(office) == []


async def test_an_address_that_comes_later_is_fetched(office: Office) -> None:
    await office.take(RINGING, replace(ENDED, recording_id="r1"))
    await office.take(RECORDED)
    assert (await only(office)).url == URL


async def test_a_link_that_ran_out_is_renewed_by_the_next_event(office: Office) -> None:
    await office.take(RINGING, RECORDED)
    one = await only(office)
    await office.database.write(give_up, one, "refused", "403", now=at(70))
    await office.take(replace(RECORDED, key="same", received=at(80)))
    assert (await only(office)).state == "refused"
    other = replace(RECORDED, key="2", received=at(90), recording_url=URL + "&fresh=1")
    await office.take(other)
    found = await only(office)
    assert (found.state, found.url, found.reason) == ("waiting", other.recording_url, None)
    assert [job.due_at for job in await asked(office)] == [at(60), at(90)]
    await office.database.write(keep_fetched, found, [PART], now=at(91))
    await office.take(replace(RECORDED, key="3", received=at(95), recording_url=URL + "&fresh=2"))
    assert (await only(office)).state == "kept"
    assert len(await asked(office)) == 2


# Where it hangs after a transfer


ATTENDED = event(
    "transferred",
    "c1",
    at(40),
    target="101",
    to_target="PJSIP/102",
    transfer="attended",
    other_call="c2",
)
CONSULTATION = [
    event("dialing", "c2", at(20), caller="101", called="102", target="101"),
    event("answered", "c2", at(25), caller="101", called="102", target="102"),
    event("ended", "c2", at(90), caller="101", called="102"),
]
OF_FIRST = event("recording", "c1", at(100), recording_id="r1", recording_url=URL, leg_ref="a1")
OF_SECOND = event("recording", "c2", at(101), recording_id="r2", recording_url=URL + "2")


async def test_a_consultations_recording_hangs_on_the_call_it_became_part_of(
    office: Office,
) -> None:
    """Whatever comes first: the talk, the transfer or the recording."""
    chance = random.Random(5)
    told = [RINGING, ANSWERED, *CONSULTATION, ATTENDED, event("ended", "c1", at(95))]
    for _ in range(12):
        round_ = chance.randrange(10**9)
        events = [_of_round(one, round_) for one in [*told, OF_FIRST, OF_SECOND]]
        chance.shuffle(events)
        for one in events:
            await office.take(one, now=at(200))
        first = (await calls(office))[f"c1-{round_}"]
        mine = {one.ref: one for one in await fetches_of(office) if one.call == first}
        assert set(mine) == {f"r1-{round_}", f"r2-{round_}"}
        assert mine[f"r1-{round_}"].leg == "a1"
        boris = [
            leg.ref
            for leg in await office.rows(tables.leg)
            if leg.call == first and leg.dial == "102" and leg.answered_at
        ]
        assert [mine[f"r2-{round_}"].leg] == boris


def _of_round(one: CallEvent, n: int) -> CallEvent:
    """The same of another call, of another caller."""
    names = {"call_ref": f"{one.call_ref}-{n}", "key": f"{one.key}-{n}"}
    if one.other_call:
        names["other_call"] = f"{one.other_call}-{n}"
    if one.recording_id:
        names["recording_id"] = f"{one.recording_id}-{n}"
        names["recording_url"] = f"{one.recording_url}-{n}"
    if one.caller and one.caller.startswith("8916"):
        names["caller"] = f"+7916{n % 10**7:07}"
    return replace(one, **names)  # type: ignore[arg-type]


async def test_what_came_before_the_transfer_is_hung_anew(office: Office) -> None:
    await office.take(RINGING, ANSWERED, *CONSULTATION[:2], OF_SECOND)
    one = await only(office)
    assert one.call == (await calls(office))["c2"]
    await office.database.write(keep_fetched, one, [PART], now=at(30))
    await office.take(ATTENDED)
    first = (await calls(office))["c1"]
    assert (await only(office)).call == first
    assert (await office.only(tables.recording)).call == first


async def test_so_is_what_the_pbx_sends_itself(office: Office) -> None:
    await office.take(RINGING, ANSWERED, *CONSULTATION, ATTENDED)
    upload = Upload("main", "c2", None, "talk", "wav", 16044, "5" * 64, 1.0, at(120))
    await office.take(entry(upload.event, body=upload.body))
    await office.database.write(hang, upload, now=at(120))
    assert (await office.only(tables.recording)).call == (await calls(office))["c1"]


# What became of it


async def test_what_came_hangs_on_the_call_once(office: Office) -> None:
    await office.take(RINGING, RECORDED)
    one = await only(office)
    told = [await office.count(tables.notice)]
    for _ in range(3):
        assert await office.database.write(keep_fetched, one, [PART], now=at(70)) == set()
        told.append(await office.count(tables.notice))
    row = await office.only(tables.recording)
    assert (row.call, row.leg, row.ref, row.file) == (one.call, "a1", "r1", PART.file)
    assert (row.type, row.size, row.digest, row.seconds) == ("audio/wav", 16044, "5" * 64, 1.0)
    assert (await only(office)).state == "kept"
    assert (await only(office)).recording == row.id
    assert told[0] < told[1] == told[2] == told[3]


async def test_parts_are_in_order(office: Office) -> None:
    await office.take(RINGING, RECORDED)
    second = replace(PART, file="recordings/bb/bb.wav", digest="6" * 64)
    await office.database.write(keep_fetched, await only(office), [PART, second], now=at(70))
    rows = sorted(await office.rows(tables.recording), key=lambda row: row.at)
    assert [(row.ref, row.file) for row in rows] == [("r1", PART.file), ("r1#2", second.file)]


async def test_the_same_bytes_of_a_call_are_kept_once(office: Office) -> None:
    await office.take(RINGING, RECORDED, replace(RECORDED, key="2", recording_id="r2"))
    first, second = await fetches_of(office)
    await office.database.write(keep_fetched, first, [PART], now=at(70))
    again = replace(PART, file="recordings/bb/bb.wav")
    surplus = await office.database.write(keep_fetched, second, [again], now=at(71))
    assert surplus == {again.file}
    row = await office.only(tables.recording)
    assert {one.recording for one in await fetches_of(office)} == {row.id}


async def refuse(office: Office, table: Any, **values: Any) -> None:
    await office.database.write(lambda conn: conn.execute(update(table).values(**values)))


@pytest.mark.parametrize("who", ["call", "contact"])
async def test_who_asked_not_to_be_recorded_is_not(office: Office, who: str) -> None:
    await office.take(RINGING, ANSWERED)
    if who == "call":
        await refuse(office, tables.call, unrecorded_at=at(20))
    else:
        await refuse(office, tables.contact, unrecorded_since=at(0))
    await office.take(ENDED, RECORDED)
    one = await only(office)
    assert (one.state, one.reason) == ("unwanted", "asked")
    assert await asked(office) == []
    with pytest.raises(NothingToFetch):
        await office.database.write(fetch_again, one.call, by="vera", now=at(90))
    await office.take(replace(RECORDED, key="2", received=at(90), recording_url=URL + "&x"))
    assert (await only(office)).state == "unwanted"


async def test_who_asked_it_later_is_still_heard_of_his_earlier_talks(office: Office) -> None:
    await office.take(RINGING, ANSWERED, ENDED)
    await refuse(office, tables.contact, unrecorded_since=at(55))
    await office.take(RECORDED)
    assert (await only(office)).state == "waiting"


async def test_who_asks_while_it_comes_is_heard(office: Office) -> None:
    await office.take(RINGING, RECORDED)
    one = await only(office)
    await refuse(office, tables.call, unrecorded_at=at(61))
    surplus = await office.database.write(keep_fetched, one, [PART], now=at(62))
    assert surplus == {PART.file}
    assert await office.count(tables.recording) == 0
    assert (await only(office)).state == "unwanted"


async def test_a_consultation_about_a_caller_who_asked_is_not_kept_either(office: Office) -> None:
    await office.take(RINGING, ANSWERED, *CONSULTATION, ATTENDED)
    first = (await calls(office))["c1"]
    await office.database.write(
        lambda conn: conn.execute(
            update(tables.call).where(tables.call.c.id == first).values(unrecorded_at=at(50))
        )
    )
    await office.take(OF_SECOND)
    assert (await only(office)).state == "unwanted"


async def test_what_was_kept_of_a_consultation_goes_with_the_callers_wish(office: Office) -> None:
    await office.take(RINGING, ANSWERED, *CONSULTATION[:2], OF_SECOND)
    await office.database.write(keep_fetched, await only(office), [PART], now=at(30))
    first = (await calls(office))["c1"]
    await office.database.write(
        lambda conn: conn.execute(
            update(tables.call).where(tables.call.c.id == first).values(unrecorded_at=at(31))
        )
    )
    await office.take(ATTENDED)
    assert (await office.only(tables.recording)).deleted_at is not None


async def test_a_person_asks_again_for_what_did_not_come(office: Office) -> None:
    await office.take(RINGING, RECORDED)
    one = await only(office)
    await office.database.write(give_up, one, "missing", "404", now=at(90_000))
    found = await office.database.write(fetch_again, one.call, by="vera", now=at(90_100))
    assert [(f.state, f.tries, f.reason) for f in found] == [("waiting", 0, None)]
    assert [job.due_at for job in await asked(office)] == [at(60), at(90_100)]
    # The job of the first asking may still run: what it says now is of no account.
    await office.database.write(give_up, one, "missing", "404", now=at(90_101))
    assert (await only(office)).state == "waiting"


async def test_there_may_be_nothing_to_ask_for(office: Office) -> None:
    (taken,) = await office.take(RINGING)
    with pytest.raises(NothingToFetch, match="no event"):
        await office.database.write(fetch_again, taken.call or "", by="vera", now=at(1))
    await office.take(RECORDED)
    await office.database.write(keep_fetched, await only(office), [PART], now=at(70))
    with pytest.raises(NothingToFetch, match="is here"):
        await office.database.write(fetch_again, taken.call or "", by="vera", now=at(71))


# What ought to be there


async def absent(office: Office, after_s: float, **recordings: Any) -> list[str]:
    rules = replace(SETUP.recordings, **recordings)
    line = replace(SETUP.line[0], recording=True)
    setup = replace(SETUP, line=(line,), recordings=rules)
    expected = expected_of(setup, MONDAY_NOON - timedelta(days=1), at(after_s))
    found = await office.database.read(fetches.missing, expected, viewer=ADMIN)
    assert await office.database.read(fetches.count_missing, expected) == len(found.items)
    return [one.call_id for one in found.items]


async def test_answered_calls_without_a_recording_are_listed_after_a_while(office: Office) -> None:
    await office.take(RINGING, ANSWERED, ENDED)
    await office.take(event("ringing", "c2", at(1)), event("ended", "c2", at(20)))
    await office.take(event("ringing", "c3", at(2)), event("answered", "c3", at(4), target="102"))
    out = event("dialing", "c4", at(3), caller="103", called="89161234567", target="103")
    talked = replace(out, key="4a", kind="answered", target="89161234567", at=at(9))
    over = replace(out, key="4e", kind="ended", at=at(40), received=at(40), duration_s=30)
    await office.take(out, talked, over)
    assert await absent(office, 50 + 3599) == ["c4"]
    assert await absent(office, 50 + 3600) == ["c4", "c1"]
    assert await absent(office, 50 + 3600, outgoing=False) == ["c1"]
    assert await absent(office, 400, missing_after_min=5) == ["c4", "c1"]
    await office.take(RECORDED)
    await office.database.write(give_up, await only(office), "refused", "403", now=at(70))
    assert await absent(office, 50 + 3600) == ["c4", "c1"]
    await office.database.write(fetch_again, (await only(office)).call, by="vera", now=at(80))
    await office.database.write(keep_fetched, await only(office), [PART], now=at(90))
    assert await absent(office, 50 + 3600) == ["c4"]


async def test_lines_that_do_not_record_miss_nothing(office: Office) -> None:
    await office.take(RINGING, ANSWERED, ENDED)
    expected = expected_of(SETUP, MONDAY_NOON, at(86400))
    assert (await office.database.read(fetches.missing, expected, viewer=ADMIN)).items == ()
    assert LINE_NUMBER not in expected.lines


async def test_who_asked_not_to_be_recorded_is_not_missed(office: Office) -> None:
    await office.take(RINGING, ANSWERED, ENDED)
    await refuse(office, tables.contact, unrecorded_since=at(0))
    assert await absent(office, 86400) == []


async def test_the_list_comes_page_by_page_with_what_was_tried(office: Office) -> None:
    for n in range(5):
        many = {"caller": f"8916000000{n}"}
        ref, begun = f"c{n}", at(n * 100)
        await office.take(
            event("ringing", ref, begun, **many),
            event("answered", ref, begun + timedelta(seconds=5), target="101", **many),
            event("ended", ref, begun + timedelta(seconds=50), **many),
        )
    await office.take(replace(RECORDED, received=at(900)))
    await office.database.write(sweep, office.desk, now=at(1000))
    line = replace(SETUP.line[0], recording=True)
    expected = expected_of(replace(SETUP, line=(line,)), at(0), at(86400))
    first = await office.database.read(fetches.missing, expected, limit=3, viewer=ADMIN)
    assert ([one.call_id for one in first.items], first.more) == (["c4", "c3", "c2"], True)
    place = (first.items[-1].started_at, first.items[-1].call)
    rest = await office.database.read(fetches.missing, expected, after=place, limit=3, viewer=ADMIN)
    assert ([one.call_id for one in rest.items], rest.more) == (["c1", "c0"], False)
    assert [one.fetch.ref if one.fetch else None for one in rest.items] == ["r1", None]
