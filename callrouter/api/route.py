"""`/route`: what would happen to a call, and why. Changes nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from callrouter.api.decisions import Told, decision_body, sentence_of
from callrouter.api.fields import Given, OurTime, Text
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.routing import Decided
from callrouter.domain.setup import Language, Setup
from callrouter.flows.try_call import UnknownLine, try_call

routes = Routes()


class CallToTry(Given):
    line: Annotated[Text, Field(description="A number of ours, or an alias of it.")]
    caller: Annotated[
        Text | None, Field(description="A number in any spelling; absent: it is withheld.")
    ] = None
    at: Annotated[
        OurTime | None, Field(description="When it would ring, from 1970 to 2199; absent: now.")
    ] = None


@routes.post("/route", roles={"head", "admin", "auditor"})
async def route_call(asked: Asked, body: CallToTry) -> Told:
    """What would happen to a call, and why. Changes nothing."""
    service = asked.service
    setup, now = service.setups.current, service.clock()
    try:
        decided = await service.database.read(
            try_call, setup, line=body.line, caller=body.caller or "", at=body.at or now, now=now
        )
    except UnknownLine:
        wrong = FieldProblem("line", "is neither a number nor an alias of a line of ours")
        raise Problem(404, "There is no such line.", [wrong]) from None
    return route_body(decided, setup, asked.language)


def route_body(decided: Decided, setup: Setup, language: Language) -> Told:
    """The body of `POST /route`; `callrouter route --json` prints the same."""
    sentence = sentence_of(decided.why, setup, language)
    return Told(decision_body(decided.decision), sentence, decided.why)
