"""Who did what, as the audit says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from callrouter.domain.setup import Role
from callrouter.wording import codes
from callrouter.wording.actors import who
from callrouter.wording.catalogue import mark
from callrouter.wording.moves import status_name
from callrouter.wording.readiness import TITLES
from callrouter.wording.users import ROLES

if TYPE_CHECKING:
    from callrouter.wording.people import Voice
    from storage.audit import Line

ACTIONS: Final[Mapping[str, str]] = {
    "signed_in": mark("signed in"),
    "sign_in_failed": mark("tried to sign in, in vain"),
    "came_in": mark("came in by a one-time link"),
    "signed_out": mark("signed out"),
    "ended_visit": mark("ended a visit"),
    "ended_visits": mark("ended all visits but this one"),
    "made_user": mark("made a user"),
    "invited": mark("invited"),
    "offered_password": mark("gave a link to a new password"),
    "chose_password": mark("chose a password"),
    "changed_password": mark("changed the password"),
    "changed_account": mark("changed the own account"),
    "connected_account": mark("connected the own account with another service"),
    "turned_totp_on": mark("turned the code on"),
    "turned_totp_off": mark("turned the code off"),
    "locked_out": mark("locked out"),
    "let_in_again": mark("let in again"),
    "gave_role": mark("gave another role"),
    "published": mark("published the setup"),
    "discarded_draft": mark("threw a draft away"),
    "erase_contact": mark("deleted a client’s data"),
    "export_contacts": mark("took clients as a file"),
    "export_cards": mark("took deals as a file"),
    "export_audit": mark("took this journal as a file"),
    "export_figures": mark("took figures as a file"),
    "export_figures_calls": mark("took the calls of a figure as a file"),
    "export_figures_cards": mark("took the deals of a figure as a file"),
    "took_hook": mark("took a hook that had not been understood"),
    "ticked": mark("confirmed that it is ready"),
    "unticked": mark("took back that it is ready"),
}
"""What is done. What has no words here yet is named by its code."""

_OBJECTS: Final[Mapping[str, str]] = {
    "setup": mark("version {id} of the setup"),
    "draft": mark("draft {id}"),
    "contact": mark("client {id}"),
    "card": mark("deal {id}"),
    "hook": mark("hook {id}"),
    "ready": mark("readiness: {id}"),
}
OBJECTS: Final[Mapping[str, str]] = {
    "user:": mark("Users"),
    "setup:": mark("Setup"),
    "draft:": mark("Drafts"),
    "contact:": mark("Clients"),
    "hook:": mark("Hooks"),
    "ready:": mark("Readiness"),
}
"""By which objects the list can be narrowed, by how their names begin."""

_DATA: Final[Mapping[str, str]] = {
    "role": mark("role"),
    "before": mark("before"),
    "rows": mark("rows"),
    "changes": mark("changes"),
    "note": mark("note"),
    "name": mark("name"),
    "email": mark("e-mail"),
    "by": mark("how"),
    "what": mark("namely"),
    "account": mark("connection"),
    "events": mark("events"),
    "from": mark("since"),
    "to": mark("until"),
    "ended": mark("visits"),
    "recordings": mark("recordings"),
    "q": mark("search"),
    "phone": mark("phone"),
    "status": mark("status"),
    "manager": mark("manager"),
    "of_actor": mark("by whom"),
    "of_action": mark("action"),
    "of_object": mark("object"),
    "of_since": mark("since"),
    "of_until": mark("until"),
}
_CODES: Final[Mapping[str, str]] = {
    "password": mark("password"),
    "link": mark("one-time link"),
    "oidc": mark("another service"),
    "code": mark("password and code"),
    "recovery_code": mark("recovery code"),
    "email": mark("e-mail"),
    "name": mark("name"),
}
"""By what somebody came in, and what he changed."""


@dataclass(frozen=True, slots=True)
class Said:
    """A row in words."""

    who: str
    what: str
    object: str
    details: str


def say(line: Line, voice: Voice, users: Mapping[str, str]) -> Said:
    """`users`: names by id."""
    return Said(
        who(line.actor, voice, users),
        action(line.action, voice),
        object_of(line.object, voice, users),
        details_of(line, voice),
    )


def action(code: str, voice: Voice) -> str:
    return voice.words(ACTIONS[code]) if code in ACTIONS else code


def object_of(text: str | None, voice: Voice, users: Mapping[str, str]) -> str:
    """What it was done to."""
    if not text:
        return ""
    kind, _, id_ = text.partition(":")
    if kind == "user":
        return users.get(id_) or voice.words("a user who is gone")
    if kind == "manager":
        return voice.name(id_)
    if kind == "ready" and (title := codes.find(TITLES, id_)):
        id_ = voice.words(title)
    return voice.words(_OBJECTS[kind], id=id_) if kind in _OBJECTS and id_ else text


def details_of(line: Line, voice: Voice) -> str:
    words = voice.words
    return "; ".join(
        f"{words(_DATA[name]) if name in _DATA else name}: {_value(name, one, voice)}"
        for name, one in line.data.items()
        if one not in (None, "")
    )


def _value(name: str, one: str | int | None, voice: Voice) -> str:
    """What is kept as a code, in words; what people typed stays as it is."""
    words, text = voice.words, str(one)
    match name:
        case "role" | "before":
            role = next((role for role in get_args(Role) if role == one), None)
            return words(ROLES[role]) if role else text
        case "by" | "what":
            return words(_CODES[text]) if text in _CODES else text
        case "manager":
            return voice.name(text)
        case "of_action":
            return action(text, voice)
        case "status":
            pipelines = voice.setup.pipelines.values()
            return next(
                (status_name(it, words) for one in pipelines if (it := one.status(text))), text
            )
        case _:
            return text
