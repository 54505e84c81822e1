"""A card made by hand or by a program: no claim, so a contact may have many open ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.flows import letters
from callrouter.flows.people import BadFields, Wrong, wrong_manager
from callrouter.setup_file.problems import allowed_words
from storage import cards, choices, counters, notices, profiles
from storage.cards import NewCard
from storage.ids import new_id
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Pipeline, Setup


@dataclass(frozen=True, slots=True)
class Wanted:
    """A card that is asked for. None: the first pipeline, its first status, the contact's manager.

    `manager` "": nobody's, whosever the contact is.
    """

    contact: str
    pipeline: str | None = None
    status: str | None = None
    manager: str | None = None
    source: str | None = None


def make_card(conn: Connection, wanted: Wanted, setup: Setup, *, by: str, now: datetime) -> str:
    """Make a card and give its id. Raises BadFields."""
    pipeline = pipeline_named(setup, wanted.pipeline)
    found = profiles.find(conn, wanted.contact)
    wrong = list(_unfit(wanted, pipeline, setup))
    if found is None:
        wrong.insert(0, Wrong("contact", "is no contact; GET /contacts gives their ids"))
    if pipeline is None or found is None or wrong:
        raise BadFields(*wrong)
    new = NewCard(
        id=new_id(now),
        number=counters.draw(conn, "card", 1)[0],
        contact=wanted.contact,
        pipeline=pipeline.key,
        status=wanted.status or pipeline.statuses[0].key,
        claimed=False,
        source=wanted.source,
        by=by,
    )
    cards.make(conn, [new], now=now)
    happened = [Happening("card_made", now, by, card=new.id, contact=new.contact)]
    manager = wanted.manager if wanted.manager is not None else found[0].responsible
    if manager and manager in setup.managers and setup.managers[manager].active:
        happened += own_card(conn, new.id, manager, setup, by=by, now=now)
    notices.record(conn, happened, now=now)
    profiles.meet(conn, new.contact, name="", source=wanted.source, now=now)
    letters.card_moved(conn, new.id, None, new.status, setup, by=by, now=now)
    return new.id


def own_card(
    conn: Connection, card: str, manager: str, setup: Setup, *, by: str, now: datetime
) -> list[Happening]:
    """Make somebody responsible for a card that is nobody's."""
    before = cards.states(conn, [card])[card]
    team = setup.managers[manager].team
    after = replace(before, manager=manager, manager_by=by, manager_at=now, team=team)
    cards.change(conn, [(before, after)], now=now)
    choices.touch_those_of(conn, [card], now=now)
    return [Happening("card_owned", now, by, card=card, data={"manager": manager})]


def pipeline_named(setup: Setup, key: str | None) -> Pipeline | None:
    """The pipeline of this key, the first one for None; None where there is none."""
    return setup.pipelines.get(key) if key else next(iter(setup.pipelines.values()))


def wrong_pipeline(key: str | None, setup: Setup) -> Wrong:
    return Wrong("pipeline", f"is none; {allowed_words(list(setup.pipelines), key)}")


def _unfit(wanted: Wanted, pipeline: Pipeline | None, setup: Setup) -> Iterator[Wrong]:
    if pipeline is None:
        yield wrong_pipeline(wanted.pipeline, setup)
    elif wanted.status:
        still_open = [one.key for one in pipeline.statuses if not one.closed]
        if wanted.status not in still_open:
            said = allowed_words(still_open, wanted.status)
            yield Wrong("status", f"is no open status of this pipeline; {said}")
    if wanted.manager:
        yield from wrong_manager("manager", wanted.manager, setup)
