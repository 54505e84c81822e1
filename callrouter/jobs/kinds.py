"""Which kinds of jobs there are, and what is asked for by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callrouter.jobs import (
    alarms,
    backups,
    digest,
    fetch_recording,
    form_letter,
    look_up,
    pop_mail,
    read_sound,
    replay,
    retention,
    send_letter,
    transcribe,
    webhooks_out,
)

if TYPE_CHECKING:
    from callrouter.jobs.worker import Feed, Kind, Schedule
    from callrouter.service import Service


def kinds_of(service: Service) -> list[Kind]:
    """Every kind that a server works on."""
    return [
        *form_letter.kinds_of(service),
        send_letter.kind_of(service),
        *retention.kinds(service),
        *read_sound.kinds(service),
        *transcribe.kinds(service),
        *fetch_recording.kinds(service),
        *backups.kinds(service),
        *look_up.kinds(service),
        *replay.kinds(service),
        *webhooks_out.kinds(service),
        *pop_mail.kinds(service),
        *alarms.kinds(service),
        *digest.kinds(service),
    ]


def feeds_of(service: Service) -> list[Feed]:
    """What asks for jobs by itself, of what was committed."""
    return [webhooks_out.Outbox(service)]


def schedules_of(service: Service) -> list[Schedule]:
    """What is done by the clock, in the company's time."""
    return [
        *retention.schedules(service),
        *backups.schedules(service),
        *look_up.schedules(service),
        *alarms.schedules(service),
        *digest.schedules(service),
    ]
