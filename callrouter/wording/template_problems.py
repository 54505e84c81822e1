"""What is wrong with a template, for people: what its checking says in English, in the reader's
words. One that is not known here, such as a compiler's own, stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark
from callrouter.wording.known import Known
from callrouter.wording.setup_problems import problem_said

if TYPE_CHECKING:
    from callrouter.wording.catalogue import Words

_KNOWN: Final = Known(
    (r"its ending is none of (?P<given>.*)", mark("Its name may end in: {given}.")),
    (
        r"its name may hold .*",
        mark("Its name may hold A-Z a-z 0-9 _ -, at most 50 of them, and perhaps .ru or .en."),
    ),
    (r"it is empty", mark("It is empty.")),
    (
        r"it has (?P<n>\d+) bytes; allowed: at most (?P<most>\d+)",
        mark("It has {n} bytes; at most {most} are allowed."),
    ),
    (r"it is no (?P<given>\w+) file", mark("By its content it is no {given} file.")),
    (
        r"the file is not an? (?P<given>[A-Z]+)(?:: .*)?",
        mark("By its content it is no {given} file."),
    ),
    (r"it is no text in UTF-8", mark("It is no text in UTF-8.")),
    (r"it holds NUL characters", mark("It is no text: it holds NUL characters.")),
    (
        r"there is no (?P<given>\S+?)(?: here)?; there are: (?P<allowed>.*)",
        mark("There is no {given} here. There is: {allowed}."),
    ),
    (
        r"(?P<given>\S+) is asked of a list: go through it with for",
        mark("{given} is asked of a list: go through it with for."),
    ),
    (r"(?P<given>.+) is not for templates", mark("{given} is not for templates.")),
    (r"(?P<given>\S+) is not for letters", mark("{given} is not for letters.")),
    (
        r"a link that leads neither to the web nor to mail: (?P<given>.*)",
        mark("A link leads neither to the web nor to mail: {given}."),
    ),
    (r"CSS of a letter fetches nothing", mark("The CSS of a letter may fetch nothing.")),
    (r"its CSS cannot be inlined: (?P<given>.*)", mark("Its CSS cannot be used: {given}")),
    (
        r"the letter has no <title>, which is its subject",
        mark("The letter has no <title>: its subject stands there."),
    ),
    (
        r"a letter has at most (?P<most>\d+) KB of text",
        mark("The letter is too long: at most {most} KB of text are allowed."),
    ),
    (
        r"a template is at most (?P<most>\d+) MB",
        mark("The template is too large: at most {most} MB are allowed."),
    ),
    (
        r"an image is at most (?P<most>\d+) KB",
        mark("The image is too large: at most {most} KB are allowed."),
    ),
    (r"an image must be a PNG", mark("The image must be a PNG.")),
    (
        r"an image has at most (?P<most>[\d,]+) pixels",
        mark("The image is too large: at most {most} pixels are allowed."),
    ),
    (
        r"macros(?: and embedded objects)? are not allowed",
        mark("Macros and objects in it are not allowed."),
    ),
    (
        r"it would fetch something from elsewhere(?: \(.*\))?",
        mark("It would fetch something from elsewhere."),
    ),
    (r"it points out of the file", mark("It points out of the file.")),
    (r"packages cannot be imported", mark("Packages cannot be imported.")),
    (
        r"it renders characters that no document can hold",
        mark("It makes characters that no document can hold."),
    ),
    (r"(?:the file would be|what it renders is) too large", mark("What it makes is too large.")),
    (r"it takes too long to render", mark("It takes too long.")),
    (r"it needs too much memory.*", mark("It needs too much memory.")),
    (r"it makes no file", mark("It makes no file.")),
)


def template_problem_said(problem: str, words: Words) -> str:
    return _KNOWN.say(problem, words) or problem_said(problem, words)
