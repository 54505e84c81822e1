"""Checks of what people and programs are told by themselves: webhooks, alarms, the digest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callrouter.domain.setup import Setup
from callrouter.setup_file.dialling import check_secrets, check_url
from callrouter.setup_file.mailboxes import sender
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import Problem, name_of_item, once

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_LEAST_MIN: Final = 15
_MOST_MIN: Final = 24 * 60


def check_telling(setup: Setup) -> Iterator[Problem]:
    for webhook in setup.webhook:
        at = item_name("webhook", webhook)
        yield from name_of_item(at, webhook.key)
        yield from check_url(webhook.url, f"{at}.url", private=webhook.allow_private)
        yield from check_secrets(webhook.secrets, f"{at}.secret")
        yield from once(f"{at}.events", webhook.events)
    alarms = setup.alarms
    yield from once("alarms.mail", alarms.mail or ())
    for address in alarms.mail or ():
        yield from sender("alarms.mail", address)
    if alarms.silent_min and not _LEAST_MIN <= alarms.silent_min <= _MOST_MIN:
        message = f"allowed: {_LEAST_MIN} to {_MOST_MIN}, and 0 for never"
        yield Problem("alarms.silent_min", f"is {alarms.silent_min}; {message}")
    if not _TIME.fullmatch(setup.digest.at):
        yield Problem("digest.at", f'is "{setup.digest.at}"; allowed: a time such as "08:30"')
