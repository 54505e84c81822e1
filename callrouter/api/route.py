"""`/route`: what would happen to a call, and why. Changes nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from callrouter.api.decisions import Told, decision_body, sentence_of
from callrouter.api.fields import Given, Id, Key, OurTime, Text
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.api.replays import NO_SUCH_DRAFT, cannot_be_tried
from callrouter.domain.routing import Decided
from callrouter.domain.setup import Language, Setup
from callrouter.domain.supposed import Supposed
from callrouter.flows import tuning
from callrouter.flows.try_call import UnknownLine, rules_of, try_call
from callrouter.setup_file import BadSetup

routes = Routes()


class CallToTry(Given):
    line: Annotated[Text, Field(description="A number of ours, or an alias of it.")]
    caller: Annotated[
        Text | None, Field(description="A number in any spelling; absent: it is withheld.")
    ] = None
    at: Annotated[
        OurTime | None, Field(description="When it would ring, from 1970 to 2199; absent: now.")
    ] = None
    draft: Annotated[
        Id | None, Field(description="The draft whose rules are tried; absent: those in force.")
    ] = None
    supposed: Annotated[
        dict[Key, Supposed],
        Field(
            default_factory=dict,
            max_length=100,
            description='What is taken as so of managers, like {"anna": "talking"}.',
        ),
    ]


@routes.post("/route", right="see_setup")
async def route_call(asked: Asked, body: CallToTry) -> Told:
    """What would happen to a call, and why. Changes nothing."""
    service = asked.service
    setup, now = service.setups.current, service.clock()
    if body.draft:
        try:
            _, setup = await service.database.read(rules_of, body.draft)
        except tuning.NoSuchDraft:
            raise NO_SUCH_DRAFT from None
        except BadSetup as bad:
            raise cannot_be_tried(bad) from None
    try:
        decided = await service.database.read(
            try_call,
            setup,
            line=body.line,
            caller=body.caller or "",
            at=body.at or now,
            now=now,
            supposed=body.supposed,
            viewer=asked.viewer,
        )
    except UnknownLine:
        wrong = FieldProblem("line", "is neither a number nor an alias of a line of ours")
        raise Problem(404, "There is no such line.", [wrong]) from None
    return route_body(decided, setup, asked.language)


def route_body(decided: Decided, setup: Setup, language: Language) -> Told:
    """The body of `POST /route`; `callrouter route --json` prints the same."""
    sentence = sentence_of(decided.why, setup, language)
    return Told(decision_body(decided.decision), sentence, decided.why)
