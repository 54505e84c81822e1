"""What a server still needs, in words: what each item is, how it stands, what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.phones import pretty
from callrouter.wording import formats
from callrouter.wording.actors import who
from callrouter.wording.catalogue import mark
from callrouter.wording.hooks import why_refused

if TYPE_CHECKING:
    from callrouter.domain.readiness import Code, Item, Said, State
    from callrouter.wording.people import Voice

STATES: Final[Mapping[State, str]] = {
    "ok": mark("ready"),
    "todo": mark("to do"),
    "broken": mark("broken"),
}
TITLES: Final[Mapping[Code, str]] = {
    "address": mark("The public address"),
    "hooks": mark("Events of the PBX"),
    "last_resort": mark("The last resort"),
    "answered": mark("Every call ends with somebody"),
    "notice": mark("Callers hear that they are recorded"),
    "duty": mark("Manager on duty"),
    "mail": mark("Letters"),
    "backup": mark("Backup"),
    "restore": mark("The backup can be restored"),
    "key": mark("The secret key is kept elsewhere too"),
    "admins": mark("Two administrators"),
    "calendar": mark("Days off"),
    "sample": mark("No sample data"),
}
MEANS: Final[Mapping[Code, str]] = {
    "address": mark("PBXs elsewhere need https; links in letters begin with it."),
    "hooks": mark("Without them no call is routed and none is seen."),
    "last_resort": mark("There a call goes when nothing else answered: call it once yourself."),
    "answered": mark("Outside these hours a call goes straight to the last resort."),
    "notice": mark("The law wants to hear it before the recording: listen to a call of your own."),
    "duty": mark("Gets the calls back and the deals that are nobody’s."),
    "mail": mark("Whether offers arrive, or are taken for spam by SPF, DKIM and DMARC."),
    "backup": mark("Without one a broken disk takes all calls and clients along."),
    "restore": mark("A backup that nobody has tried is a hope."),
    "key": mark("Without it neither a backup nor the secrets in the base can be opened."),
    "admins": mark("So that one who is ill or has left locks nobody out."),
    "calendar": mark("By them working hours and terms are reckoned."),
    "sample": mark("Sample people and calls would stand among the real ones."),
}
SAID: Final[Mapping[tuple[Code, Said], str]] = {
    ("address", "here"): mark("{url}: it opens on this machine only."),
    ("address", "plain"): mark("{url}: without https anybody on the way can read along."),
    ("address", "unheard"): mark("{url}: nothing has come by it yet."),
    ("address", "reached"): mark("{url}: events come."),
    ("hooks", "never"): mark("Nothing has come yet."),
    ("hooks", "heard"): mark("The last one came on {at}."),
    ("hooks", "refused"): mark("On {at} one was not let in: {why}"),
    ("last_resort", "never"): mark("{number}: in 90 days nobody has talked there."),
    ("last_resort", "called"): mark("{number}: on {at} somebody talked there."),
    ("last_resort", "ticked"): mark("{number}: somebody picks up."),
    ("answered", "gaps"): mark("Nobody is on shift: {gaps}. Then {number} is called at once."),
    ("answered", "covered"): mark("At any hour somebody is on shift, or a message is played."),
    ("notice", "silent"): mark('Nobody tells them: notice = "none".'),
    ("notice", "manager"): mark("The manager says it."),
    ("notice", "never"): mark("The PBX is to play it; nobody has listened yet."),
    ("notice", "ticked"): mark("The PBX plays it."),
    ("duty", "never"): mark("Nobody is named."),
    ("duty", "gone"): mark("{name} does not work here any more."),
    ("duty", "no_phone"): mark("{name} has no phone."),
    ("duty", "known"): mark("On duty: {name}."),
    ("mail", "no_server"): mark("No mail server is named: set CALLROUTER_SMTP_URL."),
    ("mail", "unchecked"): mark("Not tried yet: run `callrouter mail-check`."),
    ("mail", "sent"): mark(
        "The last one left on {at}; SPF, DKIM and DMARC were not looked at yet: run "
        "`callrouter mail-check`."
    ),
    ("mail", "failed"): mark("On {at} `callrouter mail-check` could not send."),
    ("mail", "mend"): mark(
        "On {at} a letter left; to be mended: {n}. `callrouter mail-check` says what."
    ),
    ("mail", "checked"): mark("On {at} a letter left; SPF, DKIM and DMARC are right."),
    ("backup", "never"): mark("There is none yet."),
    ("backup", "late"): mark("The newest good one is of {at}: too old."),
    ("backup", "made"): mark("The newest good one is of {at}."),
    ("restore", "never"): mark("Not tried yet: that is done every Sunday."),
    ("restore", "failed"): mark("On {at} it could not be restored."),
    ("restore", "made"): mark("On {at} it was restored and found whole."),
    ("key", "file"): mark(
        "It lies beside the data only, in the file secret.key (it begins with {key})."
    ),
    ("key", "environment"): mark("It stands in CALLROUTER_SECRET_KEY; is there a copy elsewhere?"),
    ("key", "ticked"): mark("A copy is kept elsewhere."),
    ("admins", "never"): mark("Nobody can sign in as one yet."),
    ("admins", "one"): mark("There is only one."),
    ("admins", "several"): mark("There are {n}."),
    ("calendar", "known"): mark("Those of {year} are known; the clock is of {zone}."),
    ("calendar", "unread"): mark(
        "Those of {year} are decided in these months: look whether [company] holidays says all "
        "that are moved. The clock is of {zone}."
    ),
    ("calendar", "ticked"): mark("Those of {year} are as they are to be; the clock is of {zone}."),
    ("sample", "there"): mark("This is the sample company."),
    ("sample", "absent"): mark("There is none."),
}
LINKS: Final[Mapping[Code, tuple[str, str]]] = {
    "address": ("/connect", mark("Test it")),
    "hooks": ("/connect", mark("Connect the PBX")),
    "last_resort": ("/setup", mark("Change the setup")),
    "answered": ("/setup", mark("Change the setup")),
    "notice": ("/setup", mark("Change the setup")),
    "duty": ("/setup", mark("Change the setup")),
    "admins": ("/users", mark("Invite somebody")),
    "calendar": ("/setup", mark("Change the setup")),
}
CONFIRM: Final[Mapping[Code, str]] = {
    "last_resort": mark("I have called it, somebody picked up"),
    "notice": mark("I have heard it"),
    "key": mark("I keep a copy elsewhere"),
    "calendar": mark("I have looked at them"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """An item in words. `confirmed`: by whom and when, "" for nobody."""

    title: str
    state: str
    says: str
    means: str
    confirmed: str


def say(item: Item, voice: Voice, users: Mapping[str, str]) -> Told:
    """`users`: names by id."""
    words = voice.words
    values = {name: _value(name, one, voice) for name, one in item.values.items()}
    title = words(TITLES[item.code])
    confirmed = ""
    if item.tick:
        at = formats.moment(voice.local(item.tick.at))
        by = who(item.tick.by, voice, users)
        confirmed = words("Confirmed: {who}, {at}", who=by, at=at)
    sentence = words(SAID[item.code, item.said])
    return Told(
        f"{title}: {item.about}" if item.about else title,
        words(STATES[item.state]),
        sentence.format(**{"key": item.subject, **values}),
        words(MEANS[item.code]),
        confirmed,
    )


def _value(name: str, one: str | int | datetime, voice: Voice) -> str:
    if isinstance(one, datetime):
        return formats.moment(voice.local(one))
    if name == "number":
        return pretty(str(one))
    return why_refused(voice.words, str(one)) if name == "why" else str(one)
