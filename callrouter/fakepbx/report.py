"""The events of one call, as its PBX words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callrouter.fakepbx.legs import Leg
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import CallTruth
from callrouter.fakepbx.values import Account, Payload


@dataclass(frozen=True, slots=True)
class Report:
    """Numbers are as sent. `polite`: none of its events is lost, doubled or late.

    `diverted_from`: the phone that sent the call to us.
    """

    switch: Switch
    account: Account
    truth: CallTruth
    caller: str
    called: str
    polite: bool = False
    diverted_from: str | None = None

    def tell(self, event: str, leg: Leg | None = None, **fields: object) -> None:
        self.switch.post(
            self.account, self._payload(event, leg, fields), call=self.truth, polite=self.polite
        )

    def begin(self, ask: int) -> bool:
        """Say that a call comes in, and want a decision. False: nobody will answer in time."""
        diverted = {"diverted_from": self.diverted_from} if self.diverted_from else {}
        return self.ask("ringing", ask, {"direction": "in", **diverted})

    def ask(self, event: str, ask: int, fields: Mapping[str, object]) -> bool:
        """Want a decision. False: nobody will answer in time."""
        return self.switch.post(
            self.account,
            self._payload(event, None, fields),
            call=self.truth,
            ask=ask,
            polite=self.polite,
        )

    def offer_recording(self, leg: Leg | None) -> None:
        """Say a little later where the sound is, if this PBX makes recordings at all."""
        if not self.account.recordings:
            return
        name = f"{self.truth.call_id}.wav"
        url = self.account.recordings + name
        kind = "talk" if leg else "message"

        def offer() -> None:
            self.tell("recording", leg, recording_url=url, recording_id=name, kind=kind)

        self.switch.after(self.switch.chance.uniform(3, 20), offer)

    def _payload(self, event: str, leg: Leg | None, fields: Mapping[str, object]) -> Payload:
        return {
            "event": event,
            "call_id": self.truth.call_id,
            "caller": self.caller,
            "called": self.called,
            **({} if self.truth.direction == "in" else {"direction": self.truth.direction}),
            **({"leg_id": leg.leg_id, "target": leg.dial} if leg else {}),
            **fields,
        }
