"""A ladder as a form holds it: steps, perhaps not finished, with what is wrong beside each.

The fields of the third step are named `s.2:what` (a strategy, `say` or `play`), `s.2:team` and so
on; `s.2:managers` stands there once for each of them. What the buttons do is `ACTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from callrouter.domain.setup import Ladder, Step, Strategy, WhenBusy
from callrouter.setup_file.checks import check_ladder
from callrouter.setup_file.names import item_name
from callrouter.setup_file.warnings import ladder_remarks
from callrouter.wording.remarks import remark_text

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.setup_file import Problem
    from callrouter.wording.people import Voice

What = Strategy | Literal["say", "play"]

MOST_STEPS: Final = 50

_WHATS: Final[tuple[What, ...]] = (*get_args(Strategy), "say", "play")
_KEY: Final = re.compile(r"s\.(\d{1,3}):(\w+)")
_PLACE: Final = re.compile(r"\.step\[(\d+)\](?:\.(\w+))?")
_ONE_PERSON: Final = ("responsible", "manager")


@dataclass(frozen=True, slots=True)
class StepFields:
    """A step as typed."""

    what: What = "least_loaded"
    seconds: str = "20"
    team: str = ""
    office: str = ""
    skill: str = ""
    managers: tuple[str, ...] = ()
    count: str = ""
    busy: WhenBusy = "skip"
    wait: str = "60"
    say: str = ""
    play: str = ""
    record: bool = False
    max_s: str = "120"

    @property
    def speaks(self) -> bool:
        return self.what in ("say", "play")

    @property
    def chooses(self) -> bool:
        """Whether it chooses among several."""
        return not self.speaks and self.what not in _ONE_PERSON


Steps = tuple[StepFields, ...]

NEW: Final[Steps] = (StepFields("responsible"), StepFields("least_loaded", count="2"))


def steps_of(ladder: Ladder) -> Steps:
    return tuple(_fields_of(step) for step in ladder.step)


def _fields_of(step: Step) -> StepFields:
    what: What = step.ring or ("say" if step.play is None else "play")
    return StepFields(
        what,
        str(step.seconds),
        step.team or "",
        step.office or "",
        step.skill or "",
        step.managers,
        "" if step.count is None else str(step.count),
        step.busy,
        str(step.wait),
        step.say or "",
        step.play or "",
        step.record,
        str(step.max_s),
    )


def pairs_of(steps: Steps) -> Iterator[tuple[str, str]]:
    """What a browser sends of a form that shows these."""
    for n, step in enumerate(steps):
        for one in fields(step):
            value = getattr(step, one.name)
            if one.name == "managers":
                yield from ((f"s.{n}:managers", key) for key in value)
            elif one.name != "record" or value:
                yield f"s.{n}:{one.name}", "on" if one.name == "record" else value


def read_steps(pairs: Sequence[tuple[str, str]]) -> Steps:
    """The steps as they were sent."""
    told: dict[int, dict[str, list[str]]] = {}
    for key, value in pairs:
        if found := _KEY.fullmatch(key):
            told.setdefault(int(found[1]), {}).setdefault(found[2], []).append(value)
    return tuple(_read(told[n]) for n in sorted(told))


def _read(given: Mapping[str, list[str]]) -> StepFields:
    said = {key: values[0].strip() for key, values in given.items() if values}
    what: What = next((one for one in _WHATS if one == said.get("what")), "least_loaded")
    busies: tuple[WhenBusy, ...] = get_args(WhenBusy)
    busy: WhenBusy = next((one for one in busies if one == said.get("busy")), "skip")
    managers = tuple(given.get("managers", ()))
    if what == "manager":
        managers = managers[:1] or ("",)
    return StepFields(
        what,
        said.get("seconds", "20"),
        said.get("team", ""),
        said.get("office", ""),
        said.get("skill", ""),
        managers,
        said.get("count", ""),
        busy,
        said.get("wait", "60"),
        " ".join(said.get("say", "").split()),
        said.get("play", ""),
        "record" in said,
        said.get("max_s", "120"),
    )


# What the buttons do

Act = Callable[[Steps, int, int], Sequence[StepFields]]


def act(steps: Steps, said: str) -> Steps:
    """Do what a button says: `add`, `up:2`, `unmanager:0:1`; one not known does nothing."""
    found = re.fullmatch(r"(\w+)(?::(\d{1,3}))?(?::(\d{1,3}))?", said)
    if not found or found[1] not in ACTS:
        return steps
    n, m = int(found[2] or 0), int(found[3] or 0)
    if found[1] not in ("add", "message") and n >= len(steps):
        return steps
    return tuple(ACTS[found[1]](steps, n, m))


def _add(steps: Steps, _n: int, _m: int) -> Sequence[StepFields]:
    """Before a message, which stays the last."""
    last = len(steps) - 1 if steps and steps[-1].speaks else len(steps)
    return (*steps[:last], StepFields(), *steps[last:])


def _message(steps: Steps, _n: int, _m: int) -> Sequence[StepFields]:
    return steps if steps and steps[-1].speaks else (*steps, StepFields("say"))


def _remove(steps: Steps, n: int, _m: int) -> Sequence[StepFields]:
    return (*steps[:n], *steps[n + 1 :])


def _move(by: int) -> Act:
    def move(steps: Steps, n: int, _m: int) -> Sequence[StepFields]:
        moved = list(steps)
        if 0 <= n + by < len(moved):
            moved[n], moved[n + by] = moved[n + by], moved[n]
        return moved

    return move


def _with_managers(do: Callable[[tuple[str, ...], int], tuple[str, ...]]) -> Act:
    def change(steps: Steps, n: int, m: int) -> Sequence[StepFields]:
        return [
            replace(one, managers=do(one.managers, m)) if place == n else one
            for place, one in enumerate(steps)
        ]

    return change


def _earlier(managers: tuple[str, ...], m: int) -> tuple[str, ...]:
    if not 0 < m < len(managers):
        return managers
    return (*managers[: m - 1], managers[m], managers[m - 1], *managers[m + 1 :])


ACTS: Final[Mapping[str, Act]] = {
    "add": _add,
    "message": _message,
    "remove": _remove,
    "up": _move(-1),
    "down": _move(1),
    "manager": _with_managers(lambda managers, _m: (*managers, "")),
    "unmanager": _with_managers(lambda managers, m: (*managers[:m], *managers[m + 1 :])),
    "earlier": _with_managers(_earlier),
}


# From the form to a ladder


@dataclass(frozen=True, slots=True)
class Built:
    """`ladder`: what it comes to, as far as it can be read; `wrong`, `remarks`: what `apply` would
    refuse and what it would warn of, by place: `key`, `2:seconds`, `2:`, ``.
    """

    ladder: Ladder
    wrong: Mapping[str, str]
    remarks: Mapping[str, str]


def build(steps: Steps, key: str, setup: Setup, voice: Voice) -> Built:
    wrong: dict[str, str] = {}
    made = tuple(_step(one, n, voice, wrong) for n, one in enumerate(steps))
    ladder = Ladder(key, made)
    at = item_name("ladder", ladder)
    _tell(wrong, check_ladder(setup, ladder), at, voice)
    if len(steps) > MOST_STEPS:
        wrong.setdefault("", voice.words("Allowed: at most {n} steps.", n=MOST_STEPS))
    remarks: dict[str, str] = {}
    if not wrong:
        _tell(remarks, ladder_remarks(setup, ladder), at, voice)
    return Built(ladder, wrong, remarks)


def _tell(told: dict[str, str], problems: Iterable[Problem], at: str, voice: Voice) -> None:
    for problem in problems:
        told.setdefault(place_of(problem.key[len(at) :]), remark_text(voice, problem.message))


def place_of(rest: str) -> str:
    """`.step[3].seconds` as `2:seconds`."""
    if found := _PLACE.fullmatch(rest):
        return f"{int(found[1]) - 1}:{found[2] or ''}"
    return "" if rest == ".step" else "key"


def _step(one: StepFields, n: int, voice: Voice, wrong: dict[str, str]) -> Step:
    def whole(name: str, text: str, usual: int) -> int:
        if re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
            return int(text)
        wrong.setdefault(f"{n}:{name}", voice.words("Write a whole number."))
        return usual

    if one.speaks:
        step = Step(record=one.record, max_s=whole("max_s", one.max_s, 120) if one.record else 120)
        return replace(step, say=one.say) if one.what == "say" else replace(step, play=one.play)
    ring = next(known for known in get_args(Strategy) if known == one.what)
    step = Step(
        ring=ring,
        seconds=whole("seconds", one.seconds, 20),
        skill=one.skill or None,
        busy=one.busy,
        wait=whole("wait", one.wait, 60) if one.busy == "wait" else 60,
    )
    managers = tuple(key for key in one.managers if key)
    if one.what == "manager":
        return replace(step, managers=managers[:1])
    if one.what == "responsible":
        return step
    return replace(
        step,
        team=one.team or None,
        office=one.office or None,
        managers=managers,
        count=whole("count", one.count, 1) if one.count else None,
    )
