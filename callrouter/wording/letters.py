"""Why a letter is in its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark, speak

if TYPE_CHECKING:
    from callrouter.domain.letters import LetterReason
    from callrouter.domain.setup import Language

LETTER_REASONS: Final[Mapping[LetterReason, str]] = {
    "release": mark("Somebody has to allow it."),
    "same_offer": mark("The same offer goes, or went, to this address from another open deal."),
    "no_items": mark("The deal has no items with confirmed prices."),
    "no_address": mark("The client has no address that mail may go to."),
    "quiet": mark("It leaves when the quiet hours are over."),
    "person": mark("Taken back."),
    "left_status": mark("The deal left the status before the letter did."),
    "card_closed": mark("The deal was closed before."),
    "document_over": mark("Its document was annulled or replaced."),
    "no_such_letter": mark("This letter is gone from setup.toml."),
    "no_consent": mark("The client has not agreed to advertising."),
    "opted_out": mark("The client wants no more advertising."),
    "suppressed": mark("This address gets no mail from us."),
    "template": mark("Its template failed; nothing of it was sent."),
    "address_refused": mark("The mail server refused the address."),
    "refused": mark("The mail server refused the letter."),
    "put_back": mark("It did not leave and is tried again."),
    "unsure": mark("Nobody knows whether it left."),
}


def why_letter(reason: str, *, language: Language) -> str:
    """A reason as it is kept, said to people; with what the server said, as it said it."""
    code, _, words = reason.partition(": ")
    text = LETTER_REASONS.get(code)  # type: ignore[call-overload]
    said = speak(language)(text) if text else code
    return f"{said} {words}" if words and code != "same_offer" else said
