"""A stand-in for the service: answers as the contract has it, each decision in its turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from callrouter.fakepbx.values import Answer, Hook

THEN = {"dial": "+74950000000", "leg": "last", "ring_s": 60}


class Desk:
    """Rings whoever it believes free. Every nth call gets another shape of answer.

    `plain`: only plans of two steps with one phone each.
    """

    def __init__(self, dials: Sequence[str], *, plain: bool = False) -> None:
        self.dials = tuple(dials)
        self.blocked = "0000000"  # the last digits of a number
        self.plain = plain
        self.hooks: list[Hook] = []
        self.busy: dict[str, str] = {}
        self._told: dict[tuple[str, ...], Answer] = {}
        self._calls: dict[str, int] = {}

    def __call__(self, hook: Hook, _at: datetime) -> Answer | None:
        self.hooks.append(hook)
        payload: Any = hook.payload
        if hook.ask:
            names = ("call_id", "event", "attempt")
            key = tuple(str(payload.get(name)) for name in names)
            return self._told.setdefault(key, self._decide(payload))
        if payload["event"] == "answered" and "target" in payload:
            self.busy[payload["target"]] = payload["call_id"]
        if payload["event"] == "ended":
            self.busy = {d: c for d, c in self.busy.items() if c != payload["call_id"]}
        return {"ok": True}

    def _decide(self, payload: Any) -> Answer:
        n = self._calls.setdefault(payload["call_id"], len(self._calls))
        call = {"call": f"C{n}"}
        if "diverted_from" in payload or payload["caller"].endswith(self.blocked):
            reason = "loop" if "diverted_from" in payload else "blocked"
            return call | {"decision": "reject", "reason": reason}
        if payload["event"] == "next":
            if n % 7 == 6 and payload["attempt"] < 1 + n % 40:
                return call | self._wait()
            return call | self._connect(n, tried=frozenset(t["target"] for t in payload["tried"]))
        if self.plain:
            return call | self._connect(n)
        if n % 11 == 10:
            return call | {
                "decision": "message",
                "text": "Завтра",
                "record": True,
                "max_s": 60,
                "then": THEN,
            }
        if n % 13 == 12:
            return call | {"decision": "reject", "reason": "blocked"}
        if n % 17 == 16:
            return {"decision": "none"}
        if n % 7 == 6:
            return call | self._wait()
        return call | self._connect(n, together=n % 3 == 2, ask_again=n % 5 == 4)

    def _wait(self) -> dict[str, object]:
        return {
            "decision": "wait",
            "wait_s": 5,
            "media": "music",
            "position": 1,
            "ask_again": True,
            "then": THEN,
        }

    def _connect(
        self,
        n: int,
        *,
        tried: frozenset[str] = frozenset(),
        together: bool = False,
        ask_again: bool = False,
    ) -> dict[str, object]:
        free = [d for d in self.dials if d not in self.busy and d not in tried] or list(self.dials)
        turned = free[n % len(free) :] + free[: n % len(free)]
        targets = [
            {"manager": f"m{d}", "leg": f"a{d}", "dial": d, "confirm": d.startswith("+7916001")}
            for d in turned[:4]
        ]
        if together:
            steps = [{"ring_s": 20, "mode": "all", "targets": targets}]
        else:
            steps = [{"ring_s": 15, "mode": "one", "targets": [t]} for t in targets[:2]]
        if ask_again:
            steps = steps[:1]
        return {
            "decision": "connect",
            "steps": steps,
            "then": THEN,
            "ask_again": ask_again,
            "record": True,
        }
