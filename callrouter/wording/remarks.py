"""What is wrong with a ladder or a rule, or probably not meant, as their editor says it.

Beside it stands `setup_problems`, which says what may be wrong anywhere in a setup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark
from callrouter.wording.conditions import hours_text
from callrouter.wording.known import Known, Values
from callrouter.wording.setup_problems import problem_said

if TYPE_CHECKING:
    from callrouter.wording.people import Voice

_N = r"(?P<n>[^ ;]+)"
_NAME = r'"(?P<name>.*?)"'

_KNOWN: Final = Known(
    (r"is empty; allowed: one condition or more", mark("Empty: add a condition, or take it away.")),
    (rf"is nested too deeply; allowed: {_N} levels", mark("Too deep: at most {n} levels.")),
    (rf"there is no \w+ {_NAME}; .*", mark("There is no “{name}” any more. Choose another.")),
    (rf"{_NAME} never is the .*", mark("There is no “{name}” any more. Choose another.")),
    (
        rf"a caller never is {_NAME}; allowed: as we write it, \"(?P<right>.*)\"",
        mark("Callers’ numbers are written like this: {right}."),
    ),
    (r'has \d+; allowed with ring = "manager": .*', mark("Choose one manager.")),
    (r"has no order; .*", mark("Name the managers in their order, or choose a team.")),
    (
        rf"comes after step {_N}, which speaks .*",
        mark("It is never reached: step {n} ends the ladder with a message."),
    ),
    (r"is missing; allowed: one \[\[ladder\.step\]\] or more", mark("Add a step.")),
    # Warnings
    (rf"{_NAME} is not active", mark("{manager} does not work here any more.")),
    (rf"nobody has the skill {_NAME}", mark("Nobody has the skill “{name}”.")),
    (r'ring = ".*" takes no notice of .*', mark("Team, office and list make no difference here.")),
    (
        r'a PBX takes 64 bytes of it, about 32 Russian letters: "(?P<name>.*)"',
        mark("A PBX says at most 32 Russian letters or 64 Latin ones: “{name}”."),
    ),
    (
        r'«(?P<name>.*)» cannot hold callers: "wait" is "ring"',
        mark("The PBX “{name}” holds no callers in line: phones of those who talk ring instead."),
    ),
    (
        r"«(?P<name>.*)»: nobody on shift and no message (?P<hours>.*): calls go to .*",
        mark("{name}: nobody is on shift, no message ({hours}); calls go to the last resort."),
    ),
)


def remark_text(voice: Voice, message: str) -> str:
    """Say a problem's message, without the key that it names."""

    def worded(values: Values) -> Values:
        told = dict(values)
        if "hours" in told:
            told["hours"] = hours_text(voice.words, told["hours"])
        if "name" in told:
            told["manager"] = voice.name(told["name"])
        return told

    said = _KNOWN.say(message, voice.words, worded=worded)
    return said or problem_said(message, voice.words)
