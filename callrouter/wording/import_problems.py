"""Why a line of an imported file is refused, or the whole file: what the reading says in English,
and the file of refused lines holds, in the reader's words. One not known here stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark
from callrouter.wording.known import Known

if TYPE_CHECKING:
    from callrouter.wording.catalogue import Words

_GIVEN = r"\"(?P<given>.*)\""
_KNOWN: Final = Known(
    (
        rf"there is no manager {_GIVEN}; did you mean (?P<meant>.*)\? allowed: .*",
        mark("There is no manager “{given}”. Perhaps {meant}?"),
    ),
    (
        rf"there is no manager {_GIVEN}; .*",
        mark("There is no manager “{given}”: a key, an e-mail or a name is needed."),
    ),
    (
        rf"several are called {_GIVEN}; allowed: a key: (?P<allowed>.*)",
        mark("Several are called “{given}”. Write a key: {allowed}."),
    ),
    (
        rf"{_GIVEN} is not a phone number; .*",
        mark("“{given}” is no phone number. One is +7 916 123-45-67."),
    ),
    (
        rf"{_GIVEN} is not an e-mail address; .*",
        mark("“{given}” is no e-mail. One is name@example.com."),
    ),
    (
        rf"{_GIVEN} is not an INN; .*",
        mark("“{given}” is no INN: it has 10 or 12 digits."),
    ),
    (
        rf"{_GIVEN} is not an INN: .*",
        mark("“{given}” is no INN: its control digits do not fit."),
    ),
    (
        rf"{_GIVEN} is not a date; allowed: (?P<allowed>.*)",
        mark("“{given}” is no date. Such are: {allowed}."),
    ),
    (
        rf"{_GIVEN} lies in the future; .*",
        mark("“{given}” lies in the future; the last talk was before."),
    ),
    (
        rf"{_GIVEN} is not a kind of contact; allowed: (?P<allowed>.*)",
        mark("“{given}” is no kind of client. There is: {allowed}."),
    ),
    (
        rf"{_GIVEN} is no VAT rate of (?P<day>.*); allowed: (?P<allowed>.*)",
        mark("“{given}” is no rate of VAT. There is: {allowed}."),
    ),
    (
        rf"{_GIVEN} is no price; allowed: (?P<allowed>.*)",
        mark("“{given}” is no price. Such are: {allowed}."),
    ),
    (
        rf"{_GIVEN} is too much; allowed: below (?P<most>.*)",
        mark("“{given}” is too much: below {most} is needed."),
    ),
    (
        r"has (?P<n>\d+) characters; allowed: at most (?P<most>\d+)",
        mark("It has {n} characters; at most {most} are allowed."),
    ),
    (
        r"Excel turned the number into (?P<given>.*?): .*",
        mark(
            "Excel turned the number into {given}. Format the column as text and put the whole "
            "number there again."
        ),
    ),
    (r"is empty; it is needed", mark("This is needed.")),
    (
        r"says otherwise than line (?P<line>\d+); .*",
        mark("It says otherwise than line {line}: a product stands once, or twice alike."),
    ),
    (
        r"has (?P<n>\d+) cells, the headings are (?P<most>\d+): .*",
        mark("It has {n} cells and there are {most} headings: a separator is not in quotes?"),
    ),
    (
        r"has a cell of many thousand signs: .*",
        mark("It has a cell of many thousand signs: a quote is not closed?"),
    ),
    (
        r"has neither a name nor a phone, an e-mail or an id",
        mark("It has neither a name nor a phone, an e-mail or an id."),
    ),
    (r".*; is a quote not closed\?", mark("It cannot be read: a quote is not closed?")),
)


_FILE: Final = Known(
    (r"is empty", mark("The file is empty.")),
    (r"has no sheet with rows", mark("The file has no sheet with rows.")),
    (
        r"is bigger than (?P<most>\d+) MB(?: when unpacked)?: split it",
        mark("The file is bigger than {most} MB. Split it."),
    ),
    (
        r"has more than (?P<most>\d+) rows: split it",
        mark("The file has more than {most} rows. Split it."),
    ),
    (
        r"is an \.xls of old Excel, .*",
        mark("It is an .xls of old Excel, or has a password. Save it as XLSX or CSV, without one."),
    ),
    (
        r"is a web page, .*",
        mark(
            "It is a web page, whatever its name says (Bitrix24’s export to Excel is one). Export "
            "to CSV, or open it in Excel and save it as XLSX."
        ),
    ),
    (r"is a ZIP archive, not XLSX; .*", mark("It is a ZIP archive. CSV and XLSX can be read.")),
    (
        r"cannot be read as XLSX \(.*\)",
        mark("It cannot be read as XLSX. Open it in Excel and save it anew, or as CSV."),
    ),
    (r"cannot be read: (?P<given>.*)", mark("The file cannot be read: {given}.")),
    (
        r"line (?P<line>\d+): from there on the file is neither .*",
        mark("From line {line} on the file is neither UTF-8 nor windows-1251."),
    ),
    (
        r"no column is a phone, an e-mail or an external id.*",
        mark("No column is a phone, an e-mail or an external id. Choose which one is."),
    ),
    (
        r'no column is a "name".*',
        mark("No column is the name, which is needed. Choose which one is."),
    ),
    (
        r'(?P<given>.*) are all ".*?"; allowed: one of them\. .*',
        mark("{given}: these columns are to hold the same. Choose one of them."),
    ),
    (r"the base does not answer", mark("The base does not answer. Try again later.")),
    (
        r"it broke off; the server's log says why",
        mark("It broke off; why is in the server’s log."),
    ),
)


def file_said(problem: str, words: Words) -> str:
    """What is wrong with a whole file, or with the reading of it."""
    if said := _FILE.say(problem, words):
        return said
    line, _, reason = problem.partition(": ")
    if line.startswith("line ") and line[5:].isdecimal() and reason:
        return words("Line {line}: {problem}", line=line[5:], problem=refusal_said(reason, words))
    return problem


def refusal_said(problems: str, words: Words) -> str:
    """Everything that is wrong with a line, a problem in each line of the text."""
    return " ".join(_said(one, words) for one in problems.splitlines())


def _said(problem: str, words: Words) -> str:
    """`REASON` or `HEADING: REASON`; either may have a colon in it."""
    for place in (0, *(found.end() for found in re.finditer(": ", problem))):
        if said := _KNOWN.say(problem, words, start=place):
            return problem[:place] + said
    return problem
