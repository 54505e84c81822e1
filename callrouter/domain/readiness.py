"""What a server still needs before a company may lean on it: facts to items, each with its state.

`ok`: nothing is to be done. `todo`: nobody has done it, or nobody has looked. `broken`: it was set
up and does not work. Some things no program can see, like a last resort that somebody picks up:
those a person confirms by name, a *tick*, which holds for what it was given for and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal

Code = Literal[
    "hooks",
    "last_resort",
    "answered",
    "notice",
    "address",
    "mail",
    "backup",
    "restore",
    "key",
    "sample",
    "calendar",
    "admins",
    "duty",
]
State = Literal["ok", "todo", "broken"]
Said = Literal[
    "heard",
    "refused",
    "never",
    "called",
    "ticked",
    "gaps",
    "covered",
    "silent",
    "manager",
    "here",
    "plain",
    "unheard",
    "reached",
    "no_server",
    "unchecked",
    "sent",
    "failed",
    "mend",
    "checked",
    "late",
    "made",
    "file",
    "environment",
    "there",
    "absent",
    "known",
    "one",
    "several",
    "gone",
    "no_phone",
    "unread",
]
"""Which sentence is said of an item; what it means stands with its code and this word."""

TICKABLE: Final[frozenset[Code]] = frozenset({"last_resort", "notice", "key", "calendar"})
"""What a person may confirm."""

ASKED_FROM: Final = 10
"""The month from which on the days off of the next year should be known."""

ENOUGH_ADMINS: Final = 2

Value = str | int | datetime


@dataclass(frozen=True, slots=True)
class Tick:
    """Somebody confirmed it: who, as `by` is elsewhere, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """`heard`: its last event; `refused`: its last hook that was not let in, and why."""

    key: str
    heard: datetime | None = None
    refused: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """`reached`: when somebody last talked at its last resort; `gaps`: hours when nobody else
    would answer, as setup.toml spells them.
    """

    number: str
    name: str
    last_resort: str
    reached: datetime | None = None
    gaps: str = ""
    records: bool = False
    notice: Literal["pbx", "manager", "none"] = "pbx"


@dataclass(frozen=True, slots=True)
class MailFacts:
    """`server`: one is named; `sent`: the last letter that left; `checked`: the last `mail-check`,
    with what it found bad or worth to mend.
    """

    server: bool = False
    sent: datetime | None = None
    checked: datetime | None = None
    works: bool = True
    bad: int = 0
    mend: int = 0


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """`late`: the newest good one is too old. `tried`: when one was last restored for a trial,
    `failed`: in vain.
    """

    newest: datetime | None = None
    late: bool = False
    tried: datetime | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """`backups` None: this server makes none (the demo). `key_kept_in`: where the secret key is;
    `key`: by what of it one knows it again. `duty`: the name of who is on duty.
    """

    today: date
    accounts: Sequence[AccountFacts] = ()
    lines: Sequence[LineFacts] = ()
    ticks: Mapping[tuple[Code, str], Tick] = field(default_factory=dict)
    address: Literal["here", "plain", "https"] = "here"
    url: str = ""
    mail: MailFacts = MailFacts()
    backups: BackupFacts | None = None
    key: str = ""
    key_kept_in: Literal["file", "environment"] = "file"
    sample: bool = False
    zone: str = ""
    admins: int = 0
    duty: Literal["never", "gone", "no_phone", "known"] = "never"
    duty_name: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be ready. `subject`: what a tick is given for, "" where there is one such item.

    `about`: what it is called in its title, like a line's name; `values`: what its sentence names.
    """

    code: Code
    state: State
    said: Said
    subject: str = ""
    about: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    tick: Tick | None = None

    @property
    def can_be_ticked(self) -> bool:
        return self.code in TICKABLE and self.state == "todo"


def ready(facts: Facts) -> tuple[Item, ...]:
    """Every item, in the order in which one sets a server up."""
    return tuple(_items(facts))


def _items(facts: Facts) -> Iterator[Item]:
    yield _address(facts)
    yield from _hooks(facts)
    for line in facts.lines:
        yield _last_resort(line, facts)
        yield _answered(line)
        if line.records:
            yield _notice(line, facts)
    yield _duty(facts)
    yield _mail(facts.mail)
    if facts.backups is not None:
        yield from _backups(facts.backups)
    yield _key(facts)
    yield _admins(facts)
    yield _calendar(facts)
    yield Item("sample", "todo", "there") if facts.sample else Item("sample", "ok", "absent")


def _address(facts: Facts) -> Item:
    values: dict[str, Value] = {"url": facts.url}
    if facts.address != "https":
        return Item("address", "todo", facts.address, values=values)
    if any(one.heard for one in facts.accounts):
        return Item("address", "ok", "reached", values=values)
    return Item("address", "todo", "unheard", values=values)


def _hooks(facts: Facts) -> Iterator[Item]:
    if not facts.accounts:
        yield Item("hooks", "todo", "never")
    for one in facts.accounts:
        if one.refused and (one.heard is None or one.refused > one.heard):
            values: dict[str, Value] = {"at": one.refused, "why": one.reason}
            yield Item("hooks", "broken", "refused", one.key, one.key, values)
        elif one.heard:
            yield Item("hooks", "ok", "heard", one.key, one.key, {"at": one.heard})
        else:
            yield Item("hooks", "todo", "never", one.key, one.key)


def _last_resort(line: LineFacts, facts: Facts) -> Item:
    """A tick is for this number: whoever writes another one has it to be tried again."""
    about, subject = line.name or line.number, f"{line.number} {line.last_resort}"
    values: dict[str, Value] = {"number": line.last_resort}
    if tick := facts.ticks.get(("last_resort", subject)):
        return Item("last_resort", "ok", "ticked", subject, about, values, tick)
    if line.reached:
        return Item("last_resort", "ok", "called", subject, about, {**values, "at": line.reached})
    return Item("last_resort", "todo", "never", subject, about, values)


def _answered(line: LineFacts) -> Item:
    about, values = line.name or line.number, {"number": line.last_resort, "gaps": line.gaps}
    if line.gaps:
        return Item("answered", "todo", "gaps", line.number, about, values)
    return Item("answered", "ok", "covered", line.number, about, values)


def _notice(line: LineFacts, facts: Facts) -> Item:
    about = line.name or line.number
    subject = f"{line.number} {line.notice}"
    match line.notice:
        case "none":
            return Item("notice", "broken", "silent", subject, about)
        case "manager":
            return Item("notice", "ok", "manager", subject, about)
        case "pbx":
            tick = facts.ticks.get(("notice", subject))
            if tick:
                return Item("notice", "ok", "ticked", subject, about, tick=tick)
            return Item("notice", "todo", "never", subject, about)


def _duty(facts: Facts) -> Item:
    state: State = "ok" if facts.duty == "known" else "todo" if facts.duty == "never" else "broken"
    return Item("duty", state, facts.duty, values={"name": facts.duty_name})


def _mail(mail: MailFacts) -> Item:
    if not mail.server:
        return Item("mail", "todo", "no_server")
    if mail.checked is None:
        if mail.sent is None:
            return Item("mail", "todo", "unchecked")
        return Item("mail", "todo", "sent", values={"at": mail.sent})
    values: dict[str, Value] = {"at": mail.checked, "n": mail.bad + mail.mend}
    if not mail.works:
        return Item("mail", "broken", "failed", values=values)
    if mail.bad:
        return Item("mail", "broken", "mend", values=values)
    return Item("mail", "ok", "mend" if mail.mend else "checked", values=values)


def _backups(backups: BackupFacts) -> Iterator[Item]:
    if backups.newest is None:
        yield Item("backup", "broken" if backups.late else "todo", "never")
    else:
        said: Said = "late" if backups.late else "made"
        state: State = "broken" if backups.late else "ok"
        yield Item("backup", state, said, values={"at": backups.newest})
    if backups.tried is None:
        yield Item("restore", "todo", "never")
    elif backups.failed:
        yield Item("restore", "broken", "failed", values={"at": backups.tried})
    else:
        yield Item("restore", "ok", "made", values={"at": backups.tried})


def _key(facts: Facts) -> Item:
    """Confirmed for this key: another one has to be put away anew."""
    if tick := facts.ticks.get(("key", facts.key)):
        return Item("key", "ok", "ticked", facts.key, tick=tick)
    return Item("key", "todo", facts.key_kept_in, facts.key)


def _admins(facts: Facts) -> Item:
    if facts.admins >= ENOUGH_ADMINS:
        return Item("admins", "ok", "several", values={"n": facts.admins})
    return Item("admins", "todo", "one" if facts.admins else "never")


def _calendar(facts: Facts) -> Item:
    """In the autumn the days off of the next year are decided; somebody has to look."""
    year = facts.today.year + (facts.today.month >= ASKED_FROM)
    values: dict[str, Value] = {"year": year, "zone": facts.zone}
    if tick := facts.ticks.get(("calendar", str(year))):
        return Item("calendar", "ok", "ticked", str(year), values=values, tick=tick)
    if year == facts.today.year:
        return Item("calendar", "ok", "known", str(year), values=values)
    return Item("calendar", "todo", "unread", str(year), values=values)
