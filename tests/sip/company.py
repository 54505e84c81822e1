"""A company whose every line has people of its own, so that no test meets another's phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.running import LAST_RESORT, SECRET

BLOCKED = "+79990000000"
SAID = "Мы перезвоним завтра с девяти"


@dataclass(frozen=True, slots=True)
class Line:
    """`people`: how many managers it has. `steps`: its ladder; {all} stands for their keys."""

    people: int
    steps: Sequence[str]


def _in_order(seconds: int, count: int = 1) -> str:
    return f'ring = "in_order"\nmanagers = {{all}}\ncount = {count}\nseconds = {seconds}'


LINES: Mapping[str, Line] = {
    "one": Line(1, [_in_order(20)]),
    "leaves": Line(1, [_in_order(20)]),
    "busy": Line(2, [_in_order(20, 2)]),
    "silent": Line(2, [_in_order(3, 2)]),
    "declined": Line(2, [_in_order(20, 2)]),
    "gone": Line(2, [_in_order(20, 2)]),
    "all": Line(3, ['ring = "all"\nmanagers = {all}\nseconds = 20']),
    "nobody": Line(2, [_in_order(3, 2)]),
    "impatient": Line(1, [_in_order(20)]),
    "withheld": Line(2, [_in_order(20)]),
    "blocked": Line(1, [_in_order(20)]),
    "night": Line(0, [f'say = "{SAID}"\nrecord = true\nmax_s = 60']),
    "afresh": Line(
        3,
        [
            'ring = "manager"\nmanagers = ["afresh1"]\nseconds = 2',
            'ring = "in_order"\nmanagers = ["afresh2", "afresh3"]\nseconds = 20',
        ],
    ),
    "meanwhile": Line(0, ['ring = "manager"\nmanagers = ["afresh2"]\nseconds = 20']),
    "waits": Line(1, [_in_order(20) + '\nbusy = "wait"\nwait = 30']),
    "tires": Line(1, [_in_order(20) + '\nbusy = "wait"\nwait = 30']),
    "down": Line(1, [_in_order(20)]),
    "slow": Line(1, [_in_order(20)]),
    "again": Line(
        2,
        [
            'ring = "responsible"\nseconds = 20',
            'ring = "longest_idle"\nmanagers = {all}\nseconds = 20',
        ],
    ),
    "storm": Line(8, ['ring = "least_loaded"\nmanagers = {all}\nseconds = 20']),
}
NUMBERS = {name: f"+7495123{n:04}" for n, name in enumerate(LINES, start=1)}
PEOPLE = {name: [f"{name}{n}" for n in range(1, line.people + 1)] for name, line in LINES.items()}
EVERYBODY = [one for people in PEOPLE.values() for one in people]


def company(phones: Mapping[str, int], last: int) -> str:
    """setup.toml. Ports on loopback: a phone of each of EVERYBODY, and the last resort's."""
    managers = "".join(
        f'[[manager]]\nkey = "{one}"\nname = "{one}"\ndial = "sip:{one}@127.0.0.1:{phones[one]}"\n'
        for one in EVERYBODY
    )
    lines = "".join(
        f'[[ladder]]\nkey = "{name}"\n'
        + "".join(
            f"[[ladder.step]]\n{step.replace('{all}', str(PEOPLE[name]))}\n" for step in line.steps
        )
        + f'[[line]]\nnumber = "{NUMBERS[name]}"\nladder = "{name}"\nlast_resort = "{LAST_RESORT}"\n'
        for name, line in LINES.items()
    )
    return f"""
[company]
name = "Ромашка"
duty = "one1"
[routing]
owner_min_talk_s = 0
[[account]]
key = "main"
secret = "{SECRET}"
default_line = "{NUMBERS["one"]}"
dial_inside = "sip:{{dial}}@127.0.0.1:{last}"
dial_outside = "sip:{{dial}}@127.0.0.1:{last}"
[[block]]
number = "{BLOCKED}"
{managers}
{lines}
"""
