"""The service's answer to `ringing` and `next`, read strictly as contract section 1 has it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from callrouter.fakepbx.values import Answer

_NAME = r"[A-Za-z0-9_.-]{1,64}"
_USER = r"[A-Za-z0-9_.+-]{1,64}"
_DIAL = re.compile(
    rf"(?:\+?[0-9]{{1,15}}|{_NAME}|client:{_NAME}|sips?:{_USER}@[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?)"
)

Dial = Annotated[str, StringConstraints(pattern=rf"^{_DIAL.pattern}$")]
Leg = Annotated[str, StringConstraints(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class BadAnswer(Exception):
    """The answer is none that the contract knows; the PBX goes on as if nobody had answered."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class Target(_Told):
    dial: Dial
    leg: Leg
    manager: str | None = None
    confirm: bool = False


class Step(_Told):
    ring_s: Seconds
    mode: Literal["one", "all"]
    targets: Annotated[list[Target], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_is_one(self) -> Step:
        if self.mode == "one" and len({target.manager for target in self.targets}) != 1:
            raise ValueError("a step of mode one has exactly one manager")
        return self


class Then(_Told):
    dial: Dial
    leg: Leg
    ring_s: Seconds


class Connect(_Told):
    decision: Literal["connect"]
    steps: list[Step]
    then: Then
    ask_again: bool = False
    record: bool = False

    @model_validator(mode="after")
    def _nobody_twice(self) -> Connect:
        managers = [m for s in self.steps for m in {t.manager for t in s.targets} if m]
        if len(managers) != len(set(managers)):
            raise ValueError("a manager stands in at most one step")
        legs = [t.leg for s in self.steps for t in s.targets]
        if len(legs) != len(set(legs)):
            raise ValueError("each leg of a plan has its own name")
        return self


class Wait(_Told):
    decision: Literal["wait"]
    wait_s: Seconds
    then: Then
    ask_again: Literal[True]
    media: Literal["ringback", "music"] = "music"
    position: Annotated[int, Field(ge=1)] = 1


class Message(_Told):
    decision: Literal["message"]
    then: Then
    text: str = ""
    play: str = ""
    record: bool = False
    max_s: Seconds = 120


class Reject(_Told):
    decision: Literal["reject"]
    reason: Literal["blocked", "loop"]


class NoOpinion(_Told):
    decision: Literal["none"]


Told = Connect | Wait | Message | Reject | NoOpinion

_TOLD: TypeAdapter[Told] = TypeAdapter(Annotated[Told, Field(discriminator="decision")])


def step_of(dial: str, leg: str, ring_s: float) -> Step:
    """Make a step that rings one phone."""
    target = Target.model_construct(dial=dial, leg=leg)
    return Step.model_construct(ring_s=ring_s, mode="one", targets=[target])


def read_answer(answer: Answer) -> Told:
    """Read an answer as parsed from JSON. Raises BadAnswer."""
    try:
        return _TOLD.validate_python(answer)
    except ValidationError as wrong:
        raise BadAnswer(str(wrong)) from wrong
