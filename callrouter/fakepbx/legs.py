"""One step being rung: its legs, and what each of their phones will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from callrouter.fakepbx.answers import Step, step_of
from callrouter.fakepbx.habits import BUSY, IGNORES, Reaction, answers, left_ringing, react
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import Ring
from callrouter.fakepbx.values import Account, Person


@dataclass(slots=True, eq=False)
class Leg:
    """`by_waiting`: its phone talks already and lets a second call ring."""

    leg_id: str
    dial: str
    together: bool = False  # in a step of mode `all`
    confirm: bool = False  # connected only after a key press
    state: Literal["ringing", "failed", "talking"] = "ringing"
    by_waiting: bool = False
    machine: bool = False  # what answered is no person
    ring: Ring | None = None


def legs_of(step: Step) -> list[Leg]:
    return [
        Leg(target.leg, target.dial, step.mode == "all", target.confirm) for target in step.targets
    ]


def own_steps(account: Account, switch: Switch) -> list[Step]:
    """What the PBX rings when it was told nothing: two phones, one after the other."""
    dials = account.rings or tuple(dial for p in switch.phones.people for dial in p.dials)
    chosen = switch.chance.sample(dials, k=min(2, len(dials)))
    return [step_of(dial, f"own-{n}", 20) for n, dial in enumerate(chosen, 1)]


def reactions(
    legs: Sequence[Leg], switch: Switch, *, heard: bool | None = None
) -> Iterator[tuple[Leg, Reaction]]:
    """Draw what happens to each leg. A person reacts once, on one of his phones.

    `heard`: whether those of our people who can take the call do; None: as it comes.
    """
    owners: dict[str, list[Leg]] = {}
    for leg in legs:
        owner = switch.phones.owner(leg.dial)
        owners.setdefault(owner.name if owner else leg.dial, []).append(leg)
    for of_one in owners.values():
        acting = switch.chance.choice(of_one)
        owner = switch.phones.owner(acting.dial)
        reaction = react(switch.habits, switch.chance, outsider=owner is None)
        if owner and heard is False:
            yield from ((leg, IGNORES) for leg in of_one)
            continue
        if owner and heard:
            reaction = answers(switch.habits, switch.chance)
        for leg in of_one:
            yield leg, _of_leg(leg, owner, reaction if leg is acting else IGNORES, switch)


def _of_leg(leg: Leg, owner: Person | None, reaction: Reaction, switch: Switch) -> Reaction:
    if owner is None:
        return reaction
    if switch.phones.is_busy(leg.dial):
        leg.by_waiting = switch.chance.random() < switch.habits.call_waiting
        if not leg.by_waiting:
            return BUSY
    mobile, where = leg.dial.startswith("+"), switch.phones.where(owner)
    if where in ("dnd", "offline", "busy"):
        reaction = IGNORES if mobile else Reaction(where)
    elif where != "here":
        reaction = IGNORES
    if mobile and reaction.does == "ignores":
        return left_ringing(switch.habits, switch.chance)
    return reaction
