"""What is said of those who sign in: roles, what was refused and why, what a browser is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from callrouter.domain.passwords import LONGEST, SHORTEST
from callrouter.wording.catalogue import Words, mark

if TYPE_CHECKING:
    from callrouter.domain.passwords import Weakness
    from callrouter.domain.setup import Role

ROLES: Final[Mapping[Role, str]] = {
    "manager": mark("Manager"),
    "head": mark("Head of sales"),
    "admin": mark("Administrator"),
    "auditor": mark("Auditor"),
}
CAN: Final[Mapping[Role, str]] = {
    "manager": mark("own customers, deals, calls and tasks"),
    "head": mark("those of the own team too; gives deals away, joins contacts, exports"),
    "admin": mark("everything: setup, users, imports, deletions"),
    "auditor": mark("sees everything, changes nothing"),
}

_REFUSED: Final[Mapping[tuple[str, str], str]] = {
    ("name", "empty"): mark("Write a name."),
    ("name", "long"): mark("A name has at most 200 characters."),
    ("email", "empty"): mark("Write an e-mail."),
    ("email", "not_email"): mark("This is not an e-mail: name@example.com is one."),
    ("email", "taken"): mark("Somebody else signs in with this e-mail."),
    ("manager", "unknown"): mark("Choose one of the managers who work here."),
    ("manager", "taken"): mark("This manager has an account already."),
    ("manager", "not_admin"): mark("In the setup this manager is no administrator."),
    ("role", "unknown"): mark("Choose one of the roles."),
    ("role", "of_setup"): mark("The role of a manager stands in the setup."),
    ("user", "last_admin"): mark(
        "This is the last administrator: without one nobody could let people in. Give somebody "
        "else this role first."
    ),
    ("user", "unknown"): mark("This user is not there any more."),
    ("user", "taken"): mark("This has been done already."),
}
_WEAK: Final[Mapping[Weakness, str]] = {
    "short": mark("Too short: {n} characters or more."),
    "long": mark("Too long: at most {n} characters."),
    "common": mark("One of the commonest passwords: it would be guessed. A few words do better."),
    "own": mark("It is made of the own name, e-mail or company: it would be guessed."),
}
_BROWSERS: Final = (
    ("YaBrowser/", "Яндекс.Браузер"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def refused(words: Words, field: str, code: str) -> str:
    return words(_REFUSED.get((field, code), "This is not allowed."))


def weak(words: Words, found: Weakness) -> str:
    return words(_WEAK[found], n=SHORTEST if found == "short" else LONGEST)


def browser(words: Words, agent: str | None) -> str:
    """`Firefox, Windows`: enough to know one's own by."""
    named = [
        next((name for sign, name in table if sign in (agent or "")), "")
        for table in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(one for one in named if one) or words("an unknown browser")


def invitation(words: Words, company: str, name: str, link: str) -> tuple[str, str]:
    """Subject and text of the letter that brings somebody his link."""
    lines = [
        words("{name}, choose a password for callrouter, {company}:", name=name, company=company),
        "",
        link,
        "",
        words("The link opens once, within 7 days. You sign in with this e-mail."),
        words("If you do not expect this letter, do nothing."),
    ]
    return words("Your way into callrouter, {company}", company=company), "\n".join(lines) + "\n"
