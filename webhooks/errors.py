"""What is refused at the front door, and with which status: never a 5xx for what others send."""

from __future__ import annotations

import json

from webhooks.provider import Answer, ForgedHook, HookError, UnreadableHook


class UnknownAccount(ForgedHook):
    """Nobody configured it. Outside it looks like a wrong secret: names are not to be guessed."""


class WrongMethod(HookError):
    """Hooks are posted."""


class TooLarge(HookError):
    """More bytes or more parameters than a hook may have."""


class TooSlow(HookError):
    """The whole body was not there in time."""


class UnsupportedEncoding(HookError):
    """A compressed body: nobody sends one, but bombs come as such."""


class NotAudio(UnreadableHook):
    """A recording that is no sound we know, whatever its name says."""


class BrokenBody(HookError):
    """The transfer itself is broken: a bad chunk, or less than was announced."""


_STATUS: dict[type[HookError], int] = {
    BrokenBody: 400,
    UnreadableHook: 400,
    ForgedHook: 401,
    UnknownAccount: 401,
    WrongMethod: 405,
    TooSlow: 408,
    TooLarge: 413,
    UnsupportedEncoding: 415,
    NotAudio: 415,
}

_HEADERS: dict[type[HookError], tuple[tuple[str, str], ...]] = {
    ForgedHook: (("WWW-Authenticate", 'Bearer, Basic realm="webhooks"'),),
    UnknownAccount: (("WWW-Authenticate", 'Bearer, Basic realm="webhooks"'),),
    WrongMethod: (("Allow", "POST"),),
}

_NOT_TRUSTED = "account or secret is wrong; `callrouter hooks --refused` says what exactly"

NOT_KEPT = Answer(
    b'{"error":"not kept, send it again"}', status=503, headers=(("Retry-After", "5"),)
)
"""For an event that wants no decision and could be written nowhere: 200 would be a lie."""


def refusal(error: HookError) -> Answer:
    """Say in status and body what was refused: {"error"} and, for a field, {"field"}."""
    kind = type(error)
    said = {"error": _NOT_TRUSTED if isinstance(error, ForgedHook) else str(error)}
    if isinstance(error, UnreadableHook):
        said["field"] = error.field
    return Answer(
        json.dumps(said).encode(), status=_STATUS.get(kind, 400), headers=_HEADERS.get(kind, ())
    )
