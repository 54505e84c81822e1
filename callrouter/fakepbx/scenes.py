"""What a demo begins with, so that whoever looks at it soon sees each kind of call."""

from __future__ import annotations

from collections.abc import Sequence

from callrouter.fakepbx.play import Scene
from callrouter.fakepbx.values import Course


def first_minutes(known: Sequence[str], line: str) -> tuple[tuple[float, Scene], ...]:
    """A call, a call out, a missed call and its call back, a transfer, a queue: in that order.

    `known`: at least eight numbers of people whom the company knows; `line`: whom they call.
    """

    def calls(number: str, course: Course) -> Scene:
        return lambda pbx: pbx.call(kind="known", caller=number, line=line, course=course)

    def called(number: str, course: Course) -> Scene:
        return lambda pbx: pbx.dial(number, course=course)

    talk = Course(heard=True, talk_s=40)
    rush = [
        (130.0 + 4 * n, calls(number, Course(heard=True, talk_s=30 + 5 * n)))
        for n, number in enumerate(known[4:8])
    ]
    return (
        (3, calls(known[0], talk)),
        (12, called(known[1], talk)),
        (20, calls(known[2], Course(heard=False, patience_s=14))),
        (55, called(known[2], talk)),
        (70, calls(known[3], Course(heard=True, talk_s=60, transfer="attended"))),
        *rush,
    )
