"""What is wrong with a setup, for people: the checker's sentences, which a file's author reads in
English, said in the reader's words. One that is not known here stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark
from callrouter.wording.conditions import hours_text
from callrouter.wording.known import Known, Values

if TYPE_CHECKING:
    from callrouter.wording.catalogue import Words

_ALLOWED = r"(?:did you mean \".*?\"\? )?allowed: (?P<allowed>.+)"
_KNOWN: Final = Known(
    (
        r"is (?P<given>[-0-9.]+); allowed: (?P<low>[-0-9.]+) to (?P<high>[-0-9.]+)",
        mark("It is {given}; it may be from {low} to {high}."),
    ),
    (
        r"there is no time zone \"(?P<given>.*)\"; .*",
        mark("There is no time zone “{given}”. One is Europe/Moscow."),
    ),
    (
        r"there is no country \"(?P<given>.*)\"; .*",
        mark("There is no country “{given}”. Two capital letters are needed: RU, KZ."),
    ),
    (
        (
            r"there is no [a-z ]+ \"(?P<given>.*)\"; did you mean \"(?P<meant>.*?)\"\? "
            r"allowed: (?P<allowed>.+)"
        ),
        mark("There is no “{given}” here. Perhaps “{meant}”? There is: {allowed}."),
    ),
    (
        rf"there is no [a-z ]+ \"(?P<given>.*)\"; {_ALLOWED}",
        mark("There is no “{given}” here. There is: {allowed}."),
    ),
    (
        r"there is no [a-z ]+ \"(?P<given>.*)\"; none is defined",
        mark("There is no “{given}” here, nor any other."),
    ),
    (
        r"\"(?P<given>.*)\" cannot be a key; .*",
        mark("“{given}” cannot be a key: Latin letters, digits, _ . and -, at most 64."),
    ),
    (
        r"has (?P<n>\d+) characters; allowed: at most (?P<most>\d+)",
        mark("It has {n} characters; at most {most} are allowed."),
    ),
    (
        r"has control or invisible characters; .*",
        mark("There are characters in it that nobody can see. Type it anew."),
    ),
    (r"is empty; allowed: .*", mark("This is needed.")),
    (r"is missing and obligatory.*", mark("This is needed.")),
    (r"names (?P<given>.*) twice; allowed: once", mark("{given} stands here twice.")),
    (
        r"stands (?P<n>\d+) times; allowed: once",
        mark("There is one with this name already."),
    ),
    (
        r"hours \".*\": it has \"(?P<given>.*)\" for days: .*",
        mark("“{given}” are no days. Days are Mo Tu We Th Fr Sa Su and PH, a holiday."),
    ),
    (
        r"hours \".*\": it has \"(?P<given>.*)\" for times: .*",
        mark("“{given}” are no times. Times are like 09:00-18:00, or off."),
    ),
    (
        r"hours \".*\": it has \"(?P<given>.*)\": times go .*",
        mark("“{given}”: a day goes from 00:00 to 24:00."),
    ),
    (
        r"hours \".*\": it is never open.*",
        mark("It would never be open. If that is meant, write off."),
    ),
    (
        r"hours \".*\": it .*",
        mark("These hours cannot be read. Write them as in the examples."),
    ),
    (
        r"never end; allowed: .*",
        mark("They never end, and no letter would leave. Write for example 20:00-08:00."),
    ),
    (
        r"\"(?P<given>.*)\" is not a number of a public network; .*",
        mark("“{given}” is no phone number. One is +79160000001."),
    ),
    (
        r"is \"(?P<given>.*)\"; allowed: (?:an address like|one address like) .*",
        mark("“{given}” is no e-mail. One is name@example.com."),
    ),
    (
        r"\"(?P<given>.*)\" cannot be dialled; did you mean \"(?P<meant>.*)\"\? .*",
        mark("“{given}” cannot be dialled. Perhaps {meant}?"),
    ),
    (
        r"\"(?P<given>.*)\" cannot be dialled; .*",
        mark("“{given}” cannot be dialled. This can: 101, +74951230001, sip:anna@pbx."),
    ),
    (
        r"\"(?P<given>.*)\" is one of our own lines: .*",
        mark("“{given}” is a number of our own: the call would go round in a circle."),
    ),
    (
        r"\"(?P<given>.*)\" is also line\[(?P<other>.*)\]; .*",
        mark("“{given}” stands with the number {other} already."),
    ),
    (
        (
            r"\"(?P<given>.*)\" is outside what account\[(?P<account>.*)\]\.allowed_prefixes "
            r"lets; allowed: no outside numbers"
        ),
        mark("“{given}” is outside, and the PBX “{account}” may dial no outside numbers."),
    ),
    (
        (
            r"\"(?P<given>.*)\" is outside what account\[(?P<account>.*)\]\.allowed_prefixes "
            r"lets; allowed: (?P<allowed>.*)"
        ),
        mark(
            "“{given}” may not be dialled by the PBX “{account}”; what may begins with {allowed}."
        ),
    ),
    (
        r"\"(?P<given>.*)\" is also the phone of \"(?P<other>.*)\", and their shifts meet; .*",
        mark("“{given}” is the phone of “{other}” too, and their shifts meet."),
    ),
    (
        r"has a wrong check digit: .*",
        mark("A digit is misspelt, or two have changed places: the check digit is wrong."),
    ),
    (
        r"is \"(?P<given>.*)\"; allowed: (?P<n>\d+)(?: or (?P<m>\d+))? digits",
        mark("“{given}” has not as many digits as are needed."),
    ),
    (
        r"does not go with the BIK (?P<bik>\d+): .*",
        mark("It does not go with the BIK {bik}: one of the two is misspelt."),
    ),
    (
        r"begins with no open status; .*",
        mark("The first status has to be an open one: a new deal gets it."),
    ),
    (
        r"\"(?P<given>.*)\" is not active.*",
        mark("“{given}” does not work here any more."),
    ),
    (
        r"is the manager himself; .*",
        mark("Nobody can stand in for themselves."),
    ),
    (
        r"is missing: he can never be rung",
        mark("Without a phone nobody can ring this manager."),
    ),
    (
        r"is (?P<given>[-0-9]+), before it begins; .*",
        mark("The last day comes before the first."),
    ),
    (
        r"is never used: the line has no hours, .*",
        mark("It is never used: without working hours the number never closes."),
    ),
    (
        r"is \"none\" though talks are recorded: .*",
        mark("Talks are recorded, and nobody tells the caller."),
    ),
    (
        r"«.*»: nobody on shift and no message (?P<when>.*): calls go to the last resort",
        mark("Nobody is on shift and there is no message: {when}. Calls go to the last resort."),
    ),
    (
        r"is given for a (?:brief|thanks); .*",
        mark("Only an offer has anything to attach."),
    ),
    (r"is empty; allowed: pdf, .*", mark("This is needed.")),
    (
        r"is \"head\", and no team has one; .*",
        mark("No team has a head who could let it go."),
    ),
    (
        r"is \"(?P<given>.*)\", the status that asks for it; .*",
        mark("This status asks for the letter: choose another."),
    ),
    (
        r"has (?P<n>\d+); allowed: 1 to (?P<most>\d+) choices",
        mark("A list of 1 to {most} is needed; there are {n}."),
    ),
    (
        r"is given for a \w+; allowed: only with type = \"choice\"",
        mark("Only a field that holds “one of a list” has a list."),
    ),
    (
        r"is what every card has; .*",
        mark("Every deal has this already: choose another key."),
    ),
    (
        r"is (?P<given>[0-9]+); allowed: (?P<low>\d+) to (?P<high>\d+), and 0 for never",
        mark("It is {given}; it may be from {low} to {high}, or 0."),
    ),
    (
        r"is \"(?P<given>.*)\"; allowed: a time such as .*",
        mark("“{given}” is no time. One is 03:15."),
    ),
    (
        r"is \"(?P<given>.*)\"; allowed: (?:https://host/path|e\.g\. \"https).*",
        mark("“{given}” is no address. One is https://example.com/path."),
    ),
    (
        r"\"(?P<given>.*)\" is no origin; .*",
        mark("“{given}” is no site. One is https://example.com, without a path."),
    ),
    (
        r"is \"(?P<given>.*)\"; allowed: \"file:///DIR\".*",
        mark("“{given}” is no place. One is file:///mnt/backups or s3://bucket/prefix."),
    ),
    (
        r"is too short to be a secret; .*",
        mark("It is too short to be a secret: 12 characters or more."),
    ),
    (
        r"is the last administrator; .*",
        mark("Nobody else is an administrator: make somebody else one first."),
    ),
    (
        r"goes to another host: (?P<given>.*); .*",
        mark("{given} is another host, and it would get the secret: type the secret again."),
    ),
    (
        r"runs a command; .*",
        mark("It runs a command: only who sits at the server may say it, in a file."),
    ),
    (
        r"names a variable of the server's own; .*",
        mark("This variable holds a secret of the server’s own."),
    ),
    (
        r"names a variable that is new here, (?P<given>\S+); .* with (?P<name>.*), or .*",
        mark(
            "The variable {given} is new to the setup. Allowed: one that begins with {name}, "
            "or that the setup names already; any other is named in the file, on the server."
        ),
    ),
    (r"no file was chosen", mark("No file was chosen.")),
    (
        r"it has more than (?P<most>\d+) bytes",
        mark("It is too large: at most {most} bytes are allowed."),
    ),
    (
        r"names no user; .*",
        mark("It names no user: smtp://USER@HOST:PORT."),
    ),
    (
        r"has a password in it; .*",
        mark("The password stands in the address: write it in the field beside."),
    ),
)


def problem_said(message: str, words: Words) -> str:
    """A problem's message, without the key that it names."""

    def worded(values: Values) -> Values:
        when = values.get("when")
        return {**values, "when": hours_text(words, when)} if when else values

    return _KNOWN.say(message, words, worded=worded) or message
