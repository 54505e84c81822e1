"""Decisions of every kind, as chance makes them; names and texts are evil."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from callrouter.domain.decisions import (
    Connect,
    Decision,
    LastResort,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Target,
    Wait,
)

EVIL = (
    "${SHELL(rm -rf /)}",
    "a&b=c&decision=reject",
    "Пётр ; hangup() | <script>",
    "\u202eнавыворот\u200b",
    "%26n%3D9&n=9",
    'O"Neil, \\ `id` \r\nX: y',
    "И" * 200,
    "e\u0301" * 60,
    "\ud800",
    "</action><action application='system' data='rm'/>",
    ",[leg_timeout=1]user/900",
    "]]>&amp;&#36;{x}",
)

word = st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True)
good_dial = (
    st.from_regex(r"\+?[0-9]{3,15}", fullmatch=True)
    | st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
    | st.from_regex(r"client:[A-Za-z0-9_.-]{1,12}", fullmatch=True)
    | st.from_regex(r"sips?:[A-Za-z0-9_.+-]{1,8}@pbx\.example(:5061)?", fullmatch=True)
    | st.just("sip:102@[2001:db8::1]:5060")
)
bad_dial = st.sampled_from(
    ["", "101&102", "101,20", "${X}", "101)", "sip:a@b c", "+7 916", "101\n", "x" * 65, "PJSIP/101"]
)
texts = st.sampled_from(EVIL) | st.text(st.characters(exclude_categories=()), max_size=80)
_file = st.sampled_from(["", "custom/closed", "a&System(rm)", "https://x.example/a.mp3", "a b"])


def plans(dial: st.SearchStrategy[str], last: st.SearchStrategy[str]) -> st.SearchStrategy[Connect]:
    targets = st.lists(_targets(dial), min_size=1, max_size=4).map(tuple)
    step = st.builds(PlanStep, st.integers(1, 600), st.sampled_from(["one", "all"]), targets)
    return st.builds(
        Connect,
        call=word,
        steps=st.lists(step, max_size=4).map(tuple),
        then=lasts(last),
        ask_again=st.booleans(),
        record=st.booleans(),
        caller_name=texts,
        card_url=st.just("https://crm.example/pop/t"),
        reason=word,
    )


def _targets(dial: st.SearchStrategy[str]) -> st.SearchStrategy[Target]:
    return st.builds(Target, leg=word, dial=dial, manager=word | st.none(), confirm=st.booleans())


def lasts(dial: st.SearchStrategy[str]) -> st.SearchStrategy[LastResort]:
    return st.builds(LastResort, dial=dial, ring_s=st.integers(1, 600))


def decisions() -> st.SearchStrategy[Decision]:
    """Of all five kinds; each leg of a plan has its own name."""
    last = lasts(good_dial)
    return (
        plans(good_dial | good_dial | bad_dial, good_dial).map(with_legs)
        | plans(good_dial, good_dial).map(with_legs)
        | st.builds(
            Wait,
            call=word,
            wait_s=st.integers(1, 600),
            then=last,
            media=st.sampled_from(["ringback", "music"]),
            position=st.integers(1, 99),
        )
        | st.builds(
            Message,
            call=word,
            then=last,
            text=texts,
            play=_file | texts,
            record=st.booleans(),
            max_s=st.integers(1, 600),
        )
        | st.builds(Reject, call=word, reason=st.sampled_from(["blocked", "loop"]))
        | st.just(NoOpinion())
    )


def with_legs(plan: Connect) -> Connect:
    numbers = iter(range(1, 100))
    steps = (
        replace(step, targets=tuple(replace(one, leg=f"a{next(numbers)}") for one in step.targets))
        for step in plan.steps
    )
    return replace(plan, steps=tuple(steps))
