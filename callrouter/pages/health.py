"""`/health`: how the server is, for the admin: what is well, what is to be done, what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter import condition
from callrouter.condition import LITTLE, Health
from callrouter.domain.readiness import Item
from callrouter.flows import readiness
from callrouter.flows.readiness import NotTickable
from callrouter.flows.restoring import thaw
from callrouter.pages.alarms import alarms_shown
from callrouter.wording import formats
from callrouter.wording import readiness as say
from callrouter.wording.catalogue import Words, mark
from callrouter.wording.people import Voice
from storage import jobs, users

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.backup_log import Backup
    from storage.jobs import Job

_LETTERS: Final = {
    "approval": mark("letters that wait for approval: {n}"),
    "no_address": mark("letters without an address: {n}"),
    "waiting": mark("letters that can still be taken back: {n}"),
    "todo": mark("letters to be sent: {n}"),
    "sending": mark("letters being sent: {n}"),
    "in_doubt": mark("letters in doubt: {n}"),
    "failed": mark("letters that were refused: {n}"),
}


_JOBS: Final = {
    "fetch_recording": mark("Fetch a recording"),
    "read_sound": mark("Look how loud a recording is"),
    "transcribe": mark("Turn a talk into text"),
    "delete_file": mark("Delete a recording"),
    "delete_attached": mark("Delete a file of a deal"),
    "release_letter": mark("Let a letter go"),
    "form_letter": mark("Form a letter"),
    "send_letter": mark("Send a letter"),
    "forget_hooks": mark("Empty the hooks of who is erased"),
    "retention": mark("Delete old recordings"),
    "make_backup": mark("Make a backup"),
    "carry_backup": mark("Carry a backup to the second place"),
    "try_backup": mark("Try a backup"),
    "watch_backups": mark("See how old the backups are"),
    "look_up": mark("See that contacts are found"),
    "webhook": mark("Tell a webhook what happened"),
    "webhook_ring": mark("Tell a webhook who calls"),
    "pop_mail": mark("Mail who calls"),
    "watch_alarms": mark("Look for alarms"),
    "mail_alarms": mark("Mail an alarm"),
    "ask_digests": mark("See who is to get the morning’s letter"),
    "digest": mark("Send the morning’s letter"),
    "replay": mark("Decide past calls once more"),
}
_STATES: Final = {
    "ready": mark("to be done"),
    "leased": mark("being done"),
    "dead": mark("given up"),
}
SHOWN: Final = 20
"""So many dead jobs are listed, the latest; `callrouter jobs --dead` has more."""


@dataclass(frozen=True, slots=True)
class DeadJob:
    id: str
    what: str
    when: str
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """`alarm`: somebody has to do something. `notes`: what belongs to it."""

    label: str
    says: str
    alarm: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadyRow:
    """An item of readiness in words. `badge`: its colour; `link`: where it is mended, "" for
    nowhere; `confirm`: what a person may say of it, "" for nothing.
    """

    item: Item
    told: say.Told
    badge: str
    link: str
    leads: str
    confirm: str


_BADGES: Final = {"ok": "answered", "todo": "ringing", "broken": "missed"}


class HealthPage:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        health = await condition.look(self._service)
        dead = await self._service.database.read(jobs.listed, dead=True, limit=SHOWN)
        items = await condition.look_ready(self._service)
        names = await self._service.database.read(users.names)
        voice = Voice(guest.words, self._doors.setup)
        rows = list(self._rows(health, guest))
        now = self._service.clock()
        standing = await self._service.database.read(alarms_shown, voice, now=now)
        ready = [_ready(one, voice, names) for one in items]
        return self._doors.page(
            guest,
            "health",
            rows=rows,
            alarms=[row for row in rows if row.alarm],
            standing=standing,
            frozen=health.base.frozen is not None,
            dead=[_dead(one, voice) for one in dead],
            to_do=[one for one in ready if one.item.state != "ok"],
            ready=[one for one in ready if one.item.state == "ok"],
            refused=request.query.get("refused") == "1",
            whole=request.query.get("all") == "1",
        )

    async def tick(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A person confirms what no program can see, by name and day."""
        form, service = await request.post(), self._service
        code, subject = str(form.get("code", "")), str(form.get("subject", ""))
        try:
            await service.database.write(
                readiness.tick,
                service.setups.current,
                await condition.around(service),
                code,
                subject,
                by=guest.by,
                now=service.clock(),
                address=request.remote,
            )
        except NotTickable:  # somebody did meanwhile, or the setup has changed
            raise web.HTTPSeeOther("/health?refused=1#ready") from None
        raise web.HTTPSeeOther("/health?all=1#ready")

    async def untick(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Somebody takes it back: it is to be looked at again."""
        form, service = await request.post(), self._service
        code, subject = str(form.get("code", "")), str(form.get("subject", ""))
        try:
            await service.database.write(
                readiness.untick,
                code,
                subject,
                by=guest.by,
                now=service.clock(),
                address=request.remote,
            )
        except NotTickable:
            raise web.HTTPSeeOther("/health?refused=1#ready") from None
        raise web.HTTPSeeOther("/health#ready")

    async def retry(self, request: web.Request, _guest: Guest) -> web.StreamResponse:
        """Run a dead job again; one that is dead no more stays as it is."""
        id_, now = request.match_info["id"], self._service.clock()
        await self._service.database.write(jobs.revive, id_, now=now)
        raise web.HTTPSeeOther("/health")

    async def thaw(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Let letters leave a restored base; `in_doubt`: not those asked for before."""
        form = await request.post()
        await self._service.database.write(
            thaw, by=guest.by, now=self._service.clock(), in_doubt=form.get("in_doubt") == "1"
        )
        raise web.HTTPSeeOther("/health")

    def _rows(self, health: Health, guest: Guest) -> Iterator[Row]:
        words, now = guest.words, self._service.clock()
        voice = Voice(words, self._doors.setup)
        yield _base(health, words)
        yield self._letters(health, words, voice)
        yield _jobs(health, words, now)
        if not self._service.demo:
            yield from self._backups(health, words, voice, now)
        yield _recordings(health, words)
        gigabytes = formats.amount(words, round(health.free / 1024**3, 1))
        yield Row(words("Disk"), words("{n} GB free", n=gigabytes), health.free < LITTLE)

    def _letters(self, health: Health, words: Words, voice: Voice) -> Row:
        base, label = health.base, words("Letters")
        notes = tuple(
            words(_LETTERS[state], n=many) for state, many in sorted(base.letters.items())
        )
        if base.frozen:
            since = formats.moment(voice.local(base.frozen.since))
            said = words(
                "None leaves: this base was restored from a backup on {when}, and nobody has "
                "let them go since.",
                when=since,
            )
            return Row(label, said, alarm=True, notes=notes)
        if not self._service.settings.smtp_url and not self._service.demo:
            said = words(
                "None leaves: no mail server is named. Set CALLROUTER_SMTP_URL and start again."
            )
            return Row(label, said, alarm=bool(base.letters.get("todo")), notes=notes)
        stuck = bool(base.letters.get("in_doubt") or base.letters.get("failed"))
        return Row(label, words("They leave."), stuck, notes)

    def _backups(self, health: Health, words: Words, voice: Voice, now: datetime) -> Iterator[Row]:
        base, to = health.base, self._doors.setup.backups.to
        yield _backup(words("Backup"), base.newest, voice, now, late=health.late)
        if to:
            label = words("Backup in the second place")
            yield _backup(label, base.elsewhere, voice, now, late=health.late_elsewhere)
        if base.tried and base.tried.tried_at:
            when = formats.moment(voice.local(base.tried.tried_at))
            if base.tried.state == "failed":
                said = words("On {when} it could not be restored.", when=when)
                yield Row(words("Trial"), said, True, (base.tried.error or "",))
            else:
                said = words("On {when} it was restored and found whole.", when=when)
                yield Row(words("Trial"), said)
        else:
            said = words("No backup was tried yet: that is done every Sunday.")
            yield Row(words("Trial"), said)


def _ready(item: Item, voice: Voice, names: Mapping[str, str]) -> ReadyRow:
    link, leads = say.LINKS.get(item.code, ("", ""))
    if item.code == "hooks" and item.subject:
        link = f"{link}/{item.subject}"
    confirm = say.CONFIRM.get(item.code, "") if item.can_be_ticked else ""
    words = voice.words
    return ReadyRow(
        item,
        say.say(item, voice, names),
        _BADGES[item.state],
        link,
        words(leads) if leads else "",
        words(confirm) if confirm else "",
    )


def _base(health: Health, words: Words) -> Row:
    label = words("Base")
    if health.spooled:
        said = words("It answers; what was taken without it is still being written into it.")
        return Row(label, said, alarm=True)
    return Row(label, words("It answers, and has everything."))


def _jobs(health: Health, words: Words, now: datetime) -> Row:
    counts = health.base.jobs
    open_ = sum(many for (_, state), many in counts.items() if state != "dead")
    dead = sum(many for (_, state), many in counts.items() if state == "dead")
    notes = [
        f"{words(_JOBS[kind]) if kind in _JOBS else kind}: {words(_STATES[state])}, {many}"
        for (kind, state), many in sorted(counts.items())
    ]
    if dead:
        notes.append(words("`callrouter jobs --dead` lists what was given up and why."))
    label, late = words("Jobs"), health.waits_too_long(now)
    if late and (since := health.base.overdue_since):
        length = formats.length(words, (now - since).total_seconds())
        said = words(
            "to be done: {open}, given up: {dead}; the oldest is late by {length}",
            open=open_,
            dead=dead,
            length=length,
        )
    else:
        said = words("to be done: {open}, given up: {dead}", open=open_, dead=dead)
    return Row(label, said, late or dead > 0, tuple(notes))


def _dead(one: Job, voice: Voice) -> DeadJob:
    what = voice.words(_JOBS[one.kind]) if one.kind in _JOBS else one.kind
    when = formats.moment(voice.local(one.ended_at or one.due_at))
    return DeadJob(one.id, what, when, one.error or "")


def _backup(label: str, one: Backup | None, voice: Voice, now: datetime, *, late: bool) -> Row:
    words = voice.words
    if one is None:
        return Row(label, words("There is none yet."), late)
    when = formats.moment(voice.local(one.at))
    age = formats.length(words, (now - one.at).total_seconds())
    said = words("The newest good one was made on {when}, {age} ago.", when=when, age=age)
    notes = (one.place, one.error) if one.error else (one.place,)
    return Row(label, said, late or bool(one.error), notes)


def _recordings(health: Health, words: Words) -> Row:
    label = words("Recordings")
    if not health.unrecorded:
        return Row(label, words("All that were expected in the last 7 days have come."))
    said = words("answered calls without a recording in the last 7 days: {n}", n=health.unrecorded)
    return Row(label, said, alarm=True)
