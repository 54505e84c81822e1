"""A call's state is a fold: order, lateness and repeats do not matter; every busy has an end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.domain.calls import Told
from callrouter.domain.decisions import LastResort, Message, Wait
from callrouter.domain.events import CallEvent
from tests.domain.folding import RINGING, at, folded, held, plan, what_counts
from tests.examples import MONDAY_NOON, event

ANSWERED = event("answered", "c1", at(8), leg_ref="a1", target="101")
ENDED = event("ended", "c1", at(68), reason="completed", duration_s=60)


def test_while_it_rings_each_step_holds_its_manager_in_its_own_window() -> None:
    state = folded(RINGING, now=1)
    assert state.state == "ringing"
    assert held(state, 1) == {"anna": ("ring", 29.0)}
    assert held(state, 25) == {"anna": ("ring", 5.0), "boris": ("ring", 25.0)}
    assert held(state, 51) == {}


def test_an_answer_frees_all_other_legs_without_blame() -> None:
    state = folded(RINGING, ANSWERED, now=9)
    assert (state.state, state.talker) == ("talking", "anna")
    assert held(state, 9) == {"anna": ("talk", 3599.0)}
    boris = next(leg for leg in state.legs if leg.manager == "boris")
    assert (boris.status, boris.reason, boris.ring_from) == ("cancelled", None, None)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([ANSWERED, ENDED], ("answered", "anna", 60), id="talked and ended"),
        pytest.param(
            [event("ended", "c1", at(30), reason="caller_hung_up")],
            ("missed", None, None),
            id="nobody answered",
        ),
        pytest.param(
            [event("ended", "c1", at(30), duration_s=12, target="102")],
            ("answered", "boris", 12),
            id="an end with a talk counts as talked, though the answer was not heard",
        ),
        pytest.param(
            [event("ended", "c1", at(30), duration_s=0)],
            ("missed", None, 0),
            id="duration 0: nobody talked",
        ),
        pytest.param(
            [
                event(
                    "answered", "c1", at(50), leg_ref="last", target="+74950000000", by="machine"
                ),
                event("ended", "c1", at(90), duration_s=40),
            ],
            ("missed", None, 40),
            id="only a machine answered",
        ),
        pytest.param(
            [
                ANSWERED,
                event("leg_ended", "c1", at(38), leg_ref="a1", duration_s=30),
                event("answered", "c1", at(40), target="103"),
                event("ended", "c1", at(100)),
            ],
            ("answered", "anna", 90),
            id="two talks, one after the other, the second unplanned",
        ),
    ],
)
def test_how_a_call_ends(
    events: list[CallEvent], expected: tuple[str, str | None, float | None]
) -> None:
    state = folded(RINGING, *events, now=200)
    assert (state.state, state.talker, state.duration_s) == expected
    assert held(state, 200) == {}


def test_several_answers_open_several_talks() -> None:
    state = folded(RINGING, ANSWERED, event("answered", "c1", at(20), target="103"), now=21)
    assert {manager: kind for manager, (kind, _) in held(state, 21).items()} == {
        "anna": "talk",
        "vera": "talk",
    }
    assert [leg.planned for leg in state.legs if leg.status == "talking"] == [True, False]


def test_a_phone_of_nobody_is_kept_and_shown_and_holds_nobody() -> None:
    state = folded(RINGING, event("answered", "c1", at(8), target="999"), now=9)
    stray = next(leg for leg in state.legs if leg.dial == "999")
    assert (stray.planned, stray.manager, stray.status) == (False, None, "talking")
    assert held(state, 9) == {}


def test_a_leg_id_of_the_pbx_that_looks_like_ours_does_not_name_our_leg() -> None:
    state = folded(RINGING, event("answered", "c1", at(8), leg_ref="a1", target="103"), now=9)
    assert state.talker == "vera"


@pytest.mark.parametrize(
    ("events", "now", "expected"),
    [
        pytest.param([], 109, "ringing", id="the last resort may still ring"),
        pytest.param([], 110, "missed", id="every window is over"),
        pytest.param([ANSWERED], 3607, "talking", id="a talk goes on"),
        pytest.param([ANSWERED], 3608, "answered", id="until max_talk_s"),
        pytest.param(
            [ANSWERED, event("leg_ended", "c1", at(68), leg_ref="a1")],
            77,
            "ringing",
            id="after a talk the call may go on",
        ),
        pytest.param(
            [ANSWERED, event("leg_ended", "c1", at(68), leg_ref="a1")],
            79,
            "answered",
            id="but not for long",
        ),
    ],
)
def test_what_no_event_ends_has_an_end_known_beforehand(
    events: list[CallEvent], now: float, expected: str
) -> None:
    state = folded(RINGING, *events, now=now)
    assert state.state == expected
    assert state.presumed is state.over
    if not state.over:
        assert state.known_end is not None
        assert folded(RINGING, *events, now=(state.known_end - MONDAY_NOON).total_seconds()).over


def test_a_real_event_that_comes_later_outranks_a_presumed_end() -> None:
    late = CallEvent(**{f: getattr(ENDED, f) for f in ENDED.__slots__} | {"received": at(9000)})
    presumed, real = folded(RINGING, ANSWERED, now=8000), folded(RINGING, ANSWERED, late, now=9001)
    assert (presumed.presumed, presumed.ended_at) == (True, at(3608))
    assert (real.presumed, real.ended_at, real.duration_s) == (False, at(68), 60)


def test_a_reset_ends_the_calls_begun_before_it() -> None:
    state = folded(RINGING, ANSWERED, now=100, resets=[at(-5), at(90)])
    assert (state.state, state.presumed, state.ended_at) == ("answered", True, at(90))
    assert held(state, 100) == {}
    assert folded(RINGING, ANSWERED, now=100, resets=[at(-5)]).state == "talking"


def test_a_newer_answer_of_the_same_phone_ends_the_older_talk() -> None:
    state = folded(RINGING, ANSWERED, now=100, superseded={"a1": at(90)})
    assert held(state, 100) == {}
    assert next(leg for leg in state.legs if leg.ref == "a1").presumed


def test_wrap_up_holds_from_the_end_we_heard_of() -> None:
    state = folded(RINGING, ANSWERED, ENDED, now=70, wrap_up=lambda _manager: 30)
    assert held(state, 70) == {"anna": ("wrap_up", 28.0)}
    assert held(state, 99) == {}


def test_a_step_that_begins_early_moves_its_window_up() -> None:
    failed = event("leg_failed", "c1", at(2), leg_ref="a1", reason="busy")
    second = event("leg_ringing", "c1", at(3), leg_ref="a2")
    state = folded(RINGING, failed, second, now=4)
    assert held(state, 4) == {"boris": ("ring", 29.0)}


def test_the_next_asking_ends_the_windows_before_it() -> None:
    asked = event("next", "c1", at(12), attempt=1, tried=())
    second = plan(("102",), key=asked.key, attempt=1, when=12)
    first = plan(("101",), key=RINGING.key)
    state = folded(RINGING, asked, told=(first, second), now=13)
    assert held(state, 13) == {"boris": ("ring", 29.0)}
    assert next(leg for leg in state.legs if leg.dial == "101").reason == "no_answer"


def test_a_plan_has_run_out_when_its_steps_are_over_or_its_talk_has_ended() -> None:
    assert not folded(RINGING, now=49).plan_over
    assert folded(RINGING, now=50).plan_over
    assert not folded(RINGING, ANSWERED, now=600).plan_over
    over = event("leg_ended", "c1", at(68), leg_ref="a1")
    assert folded(RINGING, ANSWERED, over, now=70).plan_over


def test_a_ringing_whose_call_is_over_reserves_nobody() -> None:
    late = event("ringing", "c1", at(90))
    told = plan(("101",), key=late.key, when=90)
    assert held(folded(ANSWERED, ENDED, late, told=(told,), now=91), 91) == {}


def test_the_length_that_the_end_reports_is_its_only_talks() -> None:
    ended = event("ended", "c1", at(9), duration_s=95)
    (talk,) = [leg for leg in folded(RINGING, ANSWERED, ended, now=200).legs if leg.talked]
    assert talk.seconds() == 95


@pytest.mark.parametrize(
    ("events", "owner"),
    [
        pytest.param([ANSWERED], "anna", id="who answered, while he talks"),
        pytest.param([ANSWERED, ENDED], "anna", id="a talk that was long enough"),
        pytest.param(
            [ANSWERED, event("ended", "c1", at(14), duration_s=6)], None, id="too short a talk"
        ),
        pytest.param(
            [
                ANSWERED,
                event("leg_ended", "c1", at(12), leg_ref="a1"),
                event("answered", "c1", at(14), target="103"),
                event("ended", "c1", at(90)),
            ],
            "vera",
            id="the second, if the first was too short",
        ),
    ],
)
def test_who_owns_by_a_talk(events: list[CallEvent], owner: str | None) -> None:
    assert folded(RINGING, *events, now=200).owner == owner


def test_a_message_that_plays_is_over_by_itself() -> None:
    told = Told(RINGING.key, 0, 0, at(0), Message("call", LastResort("+7"), "...", max_s=120))
    assert folded(RINGING, told=(told,), now=100).state == "ringing"
    assert folded(RINGING, told=(told,), now=181).state == "missed"


def waits(when: float, wait_s: int = 30, *, since: float | None = 0, attempt: int = 0) -> Told:
    key = event("next", "c1", at(when), attempt=attempt).key if attempt else RINGING.key
    place = None if since is None else at(since)
    decision = Wait("call", wait_s, LastResort("+74950000000"), since=place)
    return Told(key, 0, attempt, at(when), decision)


def test_a_call_that_was_told_to_wait_waits_until_it_must_have_asked_again() -> None:
    told = (waits(0),)
    for now in (1, 29, 31, 89):
        state = folded(RINGING, told=told, now=now)
        assert (state.state, state.waiting_since, state.known_end) == ("waiting", at(0), at(90))
        assert not state.plan_over
        assert held(state, now) == {}
    over = folded(RINGING, told=told, now=90)
    assert (over.state, over.presumed, over.ended_at) == ("missed", True, at(90))
    assert over.plan_over


@pytest.mark.parametrize(
    ("since", "place"),
    [pytest.param(-40, -40, id="the one it was told"), pytest.param(None, 0, id="else its own")],
)
def test_a_call_keeps_its_place_among_those_who_wait(since: float | None, place: float) -> None:
    left = event("ended", "c1", at(20), reason="caller_hung_up")
    state = folded(RINGING, left, told=(waits(0, since=since),), now=30)
    assert (state.state, state.waiting_since) == ("missed", at(place))


def test_a_call_that_never_waited_has_no_place() -> None:
    assert folded(RINGING, now=1).waiting_since is None


def test_who_waits_is_told_anew_by_the_next_asking() -> None:
    asked = event("next", "c1", at(30), attempt=1)
    again = (waits(0), waits(30, since=-5, attempt=1))
    state = folded(RINGING, asked, told=again, now=100)
    assert (state.state, state.waiting_since, state.known_end) == ("waiting", at(-5), at(120))
    rings = folded(
        RINGING, asked, told=(waits(0), plan(("101",), key=asked.key, attempt=1, when=30)), now=31
    )
    assert (rings.state, rings.waiting_since) == ("ringing", at(0))
    assert held(rings, 31) == {"anna": ("ring", 29.0)}


def test_a_call_that_rang_before_it_waits_rings_no_more() -> None:
    asked = event("next", "c1", at(20), attempt=1)
    state = folded(
        RINGING, asked, told=(plan(("101",), key=RINGING.key), waits(20, attempt=1)), now=21
    )
    assert state.state == "waiting"
    assert held(state, 21) == {}


def test_who_waits_and_is_picked_up_waits_no_more() -> None:
    picked_up = event("answered", "c1", at(12), target="103")
    state = folded(RINGING, picked_up, told=(waits(0),), now=13)
    assert (state.state, state.talker, state.waiting_since) == ("talking", "vera", at(0))
    hung_up = event("leg_ended", "c1", at(20), target="103")
    after = folded(RINGING, picked_up, hung_up, told=(waits(0),), now=21)
    assert after.state == "ringing"
    assert after.plan_over


HISTORY = [
    RINGING,
    event("leg_ringing", "c1", at(1), leg_ref="a1", target="101"),
    event("leg_failed", "c1", at(21), leg_ref="a1", target="101", reason="no_answer"),
    event("leg_ringing", "c1", at(21), leg_ref="a2", target="102"),
    event("answered", "c1", at(30), leg_ref="a2", target="102"),
    event("leg_ended", "c1", at(34), leg_ref="a2", target="102", duration_s=4),
    event("answered", "c1", at(34), leg_ref="p7", target="103"),
    event("leg_ended", "c1", at(99), leg_ref="p7", target="103"),
    event("ended", "c1", at(99), reason="completed", duration_s=69),
]


@settings(max_examples=200, deadline=None)
@given(
    order=st.permutations(HISTORY),
    late=st.lists(st.integers(0, 76 * 3600), min_size=len(HISTORY), max_size=len(HISTORY)),
    again=st.lists(st.sampled_from(HISTORY), max_size=6),
)
def test_order_lateness_and_repeats_do_not_matter(
    order: list[CallEvent], late: list[int], again: list[CallEvent]
) -> None:
    heard = [
        CallEvent(
            **{f: getattr(one, f) for f in one.__slots__}
            | {"received": one.received + timedelta(seconds=s)}
        )
        for one, s in zip(order, late, strict=True)
    ]
    state = folded(*heard, *again, now=80 * 3600)
    plain = folded(*HISTORY, now=80 * 3600)

    assert what_counts(state) == what_counts(plain)
    assert plain.owner == "vera"
    assert held(state, 80 * 3600) == {}
