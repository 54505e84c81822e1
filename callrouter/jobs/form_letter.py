"""What is done for a letter before it is sent: its waiting ends, and the press forms it.

Nothing of a letter leaves unless all of it was formed: its files, its subject, both of its bodies.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from callrouter import letter_drafts
from callrouter.flows import letters
from callrouter.flows.letters import FORM, RELEASE
from callrouter.flows.templates import NoSuchTemplate
from callrouter.forming.press import BadTemplate, TooMuch
from callrouter.jobs.worker import Again, Kind, Task
from storage.files import FilesSilent, NoRoom

if TYPE_CHECKING:
    from callrouter.service import Service

LEASE_S: Final = 120.0

PATIENCE: Final = 8
"""So often a letter is formed anew that wanted too much: perhaps the machine had no time for it."""


def kinds_of(service: Service) -> list[Kind]:
    return [
        Kind(RELEASE, partial(release_letter, service)),
        Kind(FORM, partial(form_letter, service), lease_s=LEASE_S),
    ]


async def release_letter(service: Service, task: Task) -> None:
    """Payload: `letter`. Its time to be taken back is over."""
    setup, now = service.setups.current, service.clock()
    await task.finish(letters.end_waiting, task.text("letter"), setup, now=now)


async def form_letter(service: Service, task: Task) -> None:
    """Payload: `letter`."""
    letter_id, setup = task.text("letter"), service.setups.current
    now = service.clock()
    try:
        draft = await service.database.read(letter_drafts.draft_of, letter_id, setup, now=now)
        if draft is None:
            return
        pressed = await letter_drafts.press(service, draft, setup)
    except (BadTemplate, NoSuchTemplate) as error:
        if isinstance(error, TooMuch) and task.job.attempts < PATIENCE:
            raise Again(str(error)) from None
        now = service.clock()
        await task.finish(letters.not_formed, letter_id, str(error), setup, now=now)
    except (FilesSilent, NoRoom) as error:
        raise Again(f"{type(error).__name__}: {error}") from None
    else:
        await task.finish(letters.formed, letter_id, pressed, setup, now=service.clock())
