"""One step being rung: its legs, and what each of their phones will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from callrouter.fakepbx.answers import Step, step_of
from callrouter.fakepbx.habits import BUSY, IGNORES, Reaction, react
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.values import Account


@dataclass(slots=True, eq=False)
class Leg:
    """`by_waiting`: its phone talks already and lets a second call ring."""

    leg_id: str
    dial: str
    together: bool = False  # in a step of mode `all`
    state: Literal["ringing", "failed", "talking"] = "ringing"
    by_waiting: bool = False


def legs_of(step: Step) -> list[Leg]:
    return [Leg(target.leg, target.dial, step.mode == "all") for target in step.targets]


def own_steps(account: Account, switch: Switch) -> list[Step]:
    """What the PBX rings when it was told nothing: two phones, one after the other."""
    dials = account.rings or tuple(dial for p in switch.phones.people for dial in p.dials)
    chosen = switch.chance.sample(dials, k=min(2, len(dials)))
    return [step_of(dial, f"own-{n}", 20) for n, dial in enumerate(chosen, 1)]


def reactions(legs: Sequence[Leg], switch: Switch) -> Iterator[tuple[Leg, Reaction]]:
    """Draw what happens to each leg. A person reacts once, on one of his phones."""
    owners: dict[str, list[Leg]] = {}
    for leg in legs:
        owner = switch.phones.owner(leg.dial)
        owners.setdefault(owner.name if owner else leg.dial, []).append(leg)
    for of_one in owners.values():
        acting = switch.chance.choice(of_one)
        outsider = switch.phones.owner(acting.dial) is None
        reaction = react(switch.habits, switch.chance, outsider=outsider)
        for leg in of_one:
            if switch.phones.is_busy(leg.dial):
                leg.by_waiting = switch.chance.random() < switch.habits.call_waiting
                if not leg.by_waiting:
                    yield leg, BUSY
                    continue
            yield leg, reaction if leg is acting else IGNORES
