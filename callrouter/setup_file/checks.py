"""Whether a Setup can be worked with: every reference, text and figure in it."""

import re
from collections import Counter
from collections.abc import Iterator

from callrouter.domain.blocks import whose_number
from callrouter.domain.phones import read_caller, read_number
from callrouter.domain.setup import JUNK, Ladder, Manager, Pipeline, Setup, Step
from callrouter.setup_file.backups import check_backups
from callrouter.setup_file.conditions import check_rules
from callrouter.setup_file.dialling import check_accounts, check_dials, check_lines
from callrouter.setup_file.entities import check_entities
from callrouter.setup_file.letters import check_letters
from callrouter.setup_file.mailboxes import mailbox
from callrouter.setup_file.names import LISTS, item_name
from callrouter.setup_file.problems import (
    Problem,
    allowed_words,
    between,
    day,
    hours,
    name_of_item,
    once,
    reference,
    region,
    text,
    zone,
)
from callrouter.setup_file.statuses import check_fields, check_moves
from callrouter.setup_file.telling import check_telling

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_ORIGIN = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?")
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]{1,500}")
_YEAR_DAYS = 366
_DAY_S = 86_400


def check(setup: Setup) -> tuple[Problem, ...]:
    """Everything that must be put right before this Setup may be used; none: it may be.

    Takes a merged Setup; each problem says the key, what is wrong and what is allowed.
    """
    return tuple(_problems(setup))


def _problems(setup: Setup) -> Iterator[Problem]:
    yield from _doubled(setup)
    yield from _company(setup)
    yield from _routing(setup)
    yield from _offices(setup)
    yield from check_entities(setup)
    yield from check_accounts(setup)
    yield from _teams(setup)
    for manager in setup.manager:
        yield from _manager(setup, manager)
    yield from check_dials(setup)
    yield from _absences(setup)
    for ladder in setup.ladder:
        yield from check_ladder(setup, ladder)
    yield from check_lines(setup)
    yield from check_rules(setup)
    for pipeline in setup.pipeline:
        yield from _pipeline(pipeline)
        yield from check_moves(setup, pipeline)
    yield from check_fields(setup)
    yield from check_letters(setup)
    yield from _figures(setup)
    yield from check_backups(setup)
    yield from check_telling(setup)
    yield from _leads(setup)
    yield from _blocks(setup)


def _doubled(setup: Setup) -> Iterator[Problem]:
    for section in LISTS:
        names = Counter(item_name(section, item) for item in getattr(setup, section))
        for name, times in names.items():
            if times > 1:
                yield Problem(name, f"stands {times} times; allowed: once")


def _company(setup: Setup) -> Iterator[Problem]:
    company = setup.company
    yield from text("company.name", company.name, needed=True)
    yield from region("company.region", company.region)
    yield from zone("company.time_zone", company.time_zone)
    active = [one.key for one in setup.active]
    if not company.duty:
        message = (
            f"is missing and obligatory: who owes what nobody else owes; {allowed_words(active)}"
        )
        yield Problem("company.duty", message)
    elif company.duty in setup.managers and company.duty not in active:
        yield Problem("company.duty", f'"{company.duty}" is not active; {allowed_words(active)}')
    else:
        yield from reference("company.duty", company.duty, active, "manager")


def _routing(setup: Setup) -> Iterator[Problem]:
    routing = setup.routing
    yield from once("routing.responsible", routing.responsible)
    yield from between("routing.tried_hours", routing.tried_hours, 0, _YEAR_DAYS * 24)
    yield from between("routing.talked_days", routing.talked_days, 0, 10 * _YEAR_DAYS)
    yield from between("routing.owner_min_talk_s", routing.owner_min_talk_s, 0, 3600)
    yield from between("routing.junk_days", routing.junk_days, 0, 10 * _YEAR_DAYS)


def _offices(setup: Setup) -> Iterator[Problem]:
    for office in setup.office:
        at = item_name("office", office)
        yield from name_of_item(at, office.key)
        if office.key == "line":
            yield Problem(at, '"line" in a step means the office of the line; allowed: another key')
        yield from text(f"{at}.name", office.name)
        yield from zone(f"{at}.time_zone", office.time_zone)
        yield from hours(f"{at}.hours", office.hours)


def _teams(setup: Setup) -> Iterator[Problem]:
    for team in setup.team:
        at = item_name("team", team)
        yield from name_of_item(at, team.key)
        yield from text(f"{at}.name", team.name)
        yield from reference(f"{at}.head", team.head, setup.managers, "manager")


def _manager(setup: Setup, manager: Manager) -> Iterator[Problem]:
    at = item_name("manager", manager)
    yield from name_of_item(at, manager.key)
    yield from text(f"{at}.name", manager.name, needed=True)
    yield from between(f"{at}.capacity", manager.capacity, 1, 10_000)
    yield from between(f"{at}.wrap_up_s", manager.wrap_up_s, 0, 3600)
    yield from hours(f"{at}.shift", manager.shift)
    yield from once(f"{at}.skills", manager.skills)
    for skill in manager.skills:
        yield from text(f"{at}.skills", skill, longest=64, needed=True)
    for phone in manager.phones:
        if not read_number(phone, setup.company.region):
            message = f'"{phone}" is not a number of a public network; allowed: e.g. "+79160000001"'
            yield Problem(f"{at}.phones", message)
    if manager.email is not None and not _EMAIL.fullmatch(manager.email):
        yield Problem(f"{at}.email", f'is "{manager.email}"; allowed: an address like a@b.example')
    yield from mailbox(f"{at}.smtp", manager)
    yield from day(f"{at}.started_on", manager.started_on)
    if not manager.active:
        return  # what he referred to may be gone
    yield from reference(f"{at}.team", manager.team, setup.teams, "team")
    yield from reference(f"{at}.office", manager.office, setup.offices, "office")
    yield from reference(f"{at}.deputy", manager.deputy, setup.managers, "manager")
    if manager.deputy == manager.key:
        yield Problem(f"{at}.deputy", "is the manager himself; allowed: another manager")


def _absences(setup: Setup) -> Iterator[Problem]:
    for absence in setup.absence:
        at = item_name("absence", absence)
        yield from reference(f"{at}.manager", absence.manager, setup.managers, "manager")
        yield from text(f"{at}.reason", absence.reason)
        yield from day(f"{at}.from", absence.from_)
        if absence.to < absence.from_:
            message = f"is {absence.to}, before it begins; allowed: {absence.from_} or later"
            yield Problem(f"{at}.to", message)
        else:
            yield from day(f"{at}.to", absence.to)


def check_ladder(setup: Setup, ladder: Ladder) -> Iterator[Problem]:
    """What must be put right in one ladder."""
    at = item_name("ladder", ladder)
    yield from name_of_item(at, ladder.key)
    if not ladder.step:
        yield Problem(f"{at}.step", "is missing; allowed: one [[ladder.step]] or more")
    for n, step in enumerate(ladder.step, start=1):
        yield from _step(setup, step, f"{at}.step[{n}]")
    speaking = [n for n, step in enumerate(ladder.step, start=1) if step.say or step.play]
    if speaking and speaking[0] < len(ladder.step):
        message = f"comes after step {speaking[0]}, which speaks and so ends the ladder"
        yield Problem(f"{at}.step[{speaking[0] + 1}]", f"{message}; allowed: nothing after it")


def _step(setup: Setup, step: Step, at: str) -> Iterator[Problem]:
    given = [key for key in ("ring", "say", "play") if getattr(step, key) is not None]
    if len(given) != 1:
        has = " and ".join(given) or "none of them"
        yield Problem(at, f"has {has}; allowed: exactly one of ring, say, play")
    yield from text(f"{at}.say", step.say, longest=1000, needed=True)
    yield from text(f"{at}.play", step.play, needed=True)
    yield from between(f"{at}.max_s", step.max_s, 1, 3600)
    yield from between(f"{at}.seconds", step.seconds, 1, 600)
    yield from between(f"{at}.wait", step.wait, 1, 3600)
    if step.count is not None:
        yield from between(f"{at}.count", step.count, 1, 100)
    yield from reference(f"{at}.team", step.team, setup.teams, "team")
    if step.office != "line":
        yield from reference(f"{at}.office", step.office, [*setup.offices, "line"], "office")
    yield from text(f"{at}.skill", step.skill, longest=64, needed=True)
    yield from once(f"{at}.managers", step.managers)
    for key in step.managers:
        yield from reference(f"{at}.managers", key, setup.managers, "manager")
    if step.ring == "manager" and len(step.managers) != 1:
        message = f'has {len(step.managers)}; allowed with ring = "manager": exactly one'
        yield Problem(f"{at}.managers", message)
    if step.ring == "in_order" and not (step.managers or step.team):
        message = 'has no order; allowed with ring = "in_order": managers = [...] or a team'
        yield Problem(f"{at}.managers", message)


def _pipeline(pipeline: Pipeline) -> Iterator[Problem]:
    at = item_name("pipeline", pipeline)
    yield from name_of_item(at, pipeline.key)
    yield from text(f"{at}.name", pipeline.name)
    yield from once(f"{at}.statuses", (status.key for status in pipeline.statuses))
    if not pipeline.statuses or pipeline.statuses[0].closed:
        message = "begins with no open status; allowed: first the one that a new card gets"
        yield Problem(f"{at}.statuses", message)
    if (junk := pipeline.status(JUNK)) and not junk.closed:
        message = "is open; allowed: closed = true, as cards that are not a deal go there"
        yield Problem(f"{at}.statuses[{JUNK}].closed", message)
    for status in pipeline.statuses:
        yield from name_of_item(f"{at}.statuses[{status.key}]", status.key)
        yield from text(f"{at}.statuses[{status.key}].name", status.name)
        yield from between(f"{at}.statuses[{status.key}].weight", status.weight, 0, 1000)


def _figures(setup: Setup) -> Iterator[Problem]:
    missed, load = setup.missed, setup.load
    yield from between("missed.term_min", missed.term_min, 1, 24 * 60)
    yield from between("missed.after_opening_min", missed.after_opening_min, 0, 24 * 60)
    yield from between("missed.tries", missed.tries, 1, 100)
    yield from between("missed.lead_term_min", missed.lead_term_min, 1, 24 * 60)
    yield from between("load.active_days", load.active_days, 1, _YEAR_DAYS)
    yield from between("load.tie", load.tie, 0, 1)
    yield from between("load.soft_days", load.soft_days, 0, _YEAR_DAYS)
    yield from between("load.overdue_weight", load.overdue_weight, 0, 1000)
    yield from between("workplace.next_days", setup.workplace.next_days, 0, 366)
    recordings = setup.recordings
    yield from between("recordings.missing_after_min", recordings.missing_after_min, 1, 7 * 24 * 60)
    yield from between("recordings.most_mb", recordings.most_mb, 1, 2048)


def _leads(setup: Setup) -> Iterator[Problem]:
    leads = setup.leads
    yield from reference("leads.pipeline", leads.pipeline, setup.pipelines, "pipeline")
    yield from name_of_item("leads.source", leads.source)
    if leads.text_version is not None:
        yield from name_of_item("leads.text_version", leads.text_version)
    if leads.policy_url is not None and not _ADDRESS.fullmatch(leads.policy_url):
        message = f'is "{leads.policy_url}"; allowed: e.g. "https://example.com/privacy"'
        yield Problem("leads.policy_url", message)
    yield from once("leads.allowed_origins", leads.allowed_origins)
    for origin in leads.allowed_origins:
        if not _ORIGIN.fullmatch(origin):
            message = f'"{origin}" is no origin; allowed: e.g. "https://example.com", no path'
            yield Problem("leads.allowed_origins", message)


def _blocks(setup: Setup) -> Iterator[Problem]:
    for block in setup.block:
        at = item_name("block", block)
        yield from text(f"{at}.reason", block.reason)
        number = read_caller(block.number, setup.company.region).number
        if number is None:
            message = f'"{block.number}" is not a number; allowed: e.g. "+79990000000"'
            yield Problem(f"{at}.number", message)
        elif ours := whose_number(setup, number):
            yield Problem(f"{at}.number", f"is {ours}; allowed: a number that is not ours")
