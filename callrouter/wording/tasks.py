"""What is to be done, in words: kinds of tasks, next steps, what to ask after an offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from callrouter.domain.next_steps import INVOICE, Step
from callrouter.wording import codes
from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.wording import Words
    from storage.listing_tasks import TaskView


class Known(Protocol):
    """What of a task says which it is."""

    @property
    def kind(self) -> str: ...
    @property
    def cause(self) -> str | None: ...


KINDS: Final[Mapping[str, str]] = {
    "task": mark("Task"),
    "follow_up": mark("Ask after the offer"),
    "approve_letter": mark("Approve a letter"),
    "ask_email": mark("Ask for an e-mail address"),
    "put_items": mark("Put in what is offered"),
    "letter_failed": mark("A letter was not sent"),
    "letter_in_doubt": mark("Find out whether a letter left"),
}
STEPS: Final[Mapping[Step, str]] = {
    "call": mark("A call"),
    "meeting": mark("A meeting"),
    "offer": mark("An offer"),
    "other": mark("Something else"),
}
USUAL_TEXTS: Final[Mapping[Step, str]] = {
    "call": mark("Call the client"),
    "meeting": mark("Meet the client"),
    "offer": mark("Prepare an offer"),
    "other": mark("Go on with the deal"),
}
ABOUT_INVOICE: Final = mark("Ask about the payment of the invoice")
QUESTIONS: Final = mark(
    "Has the offer reached you? Is everything clear? What matters to you in choosing? "
    "When will you decide?"
)
RESULTS: Final[Mapping[str, str]] = {
    "talked": mark("closed by itself: there was a talk"),
    "card_closed": mark("closed by itself: the deal is closed"),
    "new_offer": mark("closed by itself: another offer was sent"),
    "invoiced": mark("closed by itself: an invoice was issued"),
    "erased": mark("closed: the client’s data were deleted"),
}


def usual_text(step: Step, words: Words, *, about_invoice: bool = False) -> str:
    """What a next step says of whom nothing else is said."""
    asks = about_invoice and step == "call"
    return words(ABOUT_INVOICE if asks else USUAL_TEXTS[step])


def kind_of(one: Known, words: Words) -> str:
    """What a task is, in a few words: a next step is called by what is to be done."""
    if _asks_after_invoice(one):
        return words(ABOUT_INVOICE)
    step = codes.find(STEPS, one.cause or "") if one.kind == "task" else None
    return words(step or KINDS.get(one.kind, KINDS["task"]))


def _asks_after_invoice(one: Known) -> bool:
    return one.kind == "follow_up" and one.cause == INVOICE


def text_of(one: TaskView, words: Words) -> str:
    """What it says: a person's own words, or the questions that follow an offer."""
    asks_after_offer = one.kind == "follow_up" and not _asks_after_invoice(one)
    return words(QUESTIONS) if asks_after_offer and not one.text else one.text


def result_of(one: TaskView, words: Words) -> str:
    """What came of it: a person's own words, or why it was closed by itself."""
    said = codes.find(RESULTS, one.result or "")
    return words(said) if said else one.result or ""
