"""What is said of hooks: why one was refused or not understood, and what one was answered.

The reasons are kept in English, as whoever sent the hook gets them; each message here is also the
pattern that they are known by.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, assert_never

from callrouter.domain.decisions import Connect, Decision, Message, NoOpinion, Reject, Wait
from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.wording.catalogue import Words
    from callrouter.wording.people import Voice

REFUSED: Final = (
    mark("unknown provider"),
    mark("unknown account"),
    mark("the account has no secret"),
    mark("wrong secret ({scheme})"),
    mark("no Authorization header"),
    mark("several Authorization headers"),
    mark("Authorization is neither Bearer nor Basic"),
    mark("Basic credentials are not base64"),
    mark("Basic credentials without a password"),
    mark("wrong signature"),
    mark("wrong signature: another auth token, or another public address"),
    mark("no X-Twilio-Signature"),
    mark("the body is not the one whose digest is signed"),
    mark("several signatures"),
    mark("the signature's algorithm is none of {list}"),
    mark("the body is not the one whose digest is signed"),
    mark("an empty Signature header"),
    mark("a signed field is sent twice"),
    mark("a body that cannot be read holds nothing signed"),
    mark("its address is unknown, and networks are set"),
    mark("its address is in none of the account's networks"),
    mark("its pbx_call_id is none"),
    mark("its call_start is no moment"),
    mark("its call began days ago: a replay, or a wrong clock"),
    mark("no {name} header"),
    mark("several {name} headers"),
    mark("webhook-timestamp is not a whole number of seconds"),
    mark("webhook-timestamp is more than {seconds} s from our clock"),
    mark("webhook-id is not 1 to 200 ASCII characters without . and space"),
    mark("webhook-signature is not a list like `v1,… v1,…`"),
    mark("webhook-signature holds no v1 signature, or a broken one"),
    mark("the account's secret is no key: after whsec_ stands no base64"),
    mark("could not be checked: a bug, see the log"),
    mark("hooks are sent by POST"),
    mark("a query may have {bytes} bytes"),
    mark("a body may have {bytes} bytes"),
    mark("a form may have {n} parameters"),
    mark("a body may have {n} fields"),
    mark("the whole body must be here within {ms} ms"),
    mark("send the body without Content-Encoding"),
    mark("the body broke off or is badly chunked"),
    mark("the body comes too slowly"),
    mark("a recording comes with Bearer or Basic; a signature is not enough"),
    mark("a recording may have {bytes} bytes"),
    mark("send the file without Content-Encoding"),
    mark("{announced} bytes were announced and {came} came"),
)
"""Why a hook is not let in. The first that fits is said."""

ASIDE: Final = (
    mark("is obligatory in {event}"),
    mark("is obligatory"),
    mark("is not a JSON object"),
    mark("is nested too deeply"),
    mark("is not JSON"),
    mark("send JSON or application/x-www-form-urlencoded"),
    mark("is longer than {n} characters"),
    mark("holds characters that are no text"),
    mark("is none of {list}"),
    mark("is not a whole number up to {n}"),
    mark("is not a number of seconds"),
    mark("is not a time like 2026-03-12T14:05:00+03:00"),
    mark("is not a text or a number"),
    mark("is not a list of targets and reasons"),
    mark("could not be read: a bug, see the log"),
    mark("the same event with another body: the first stands"),
    mark("cannot be stored: {kind}"),
    mark("is sent twice with different values"),
    mark("has no boundary that can be read"),
    mark("is no status that we know"),
    mark("is no SID"),
    mark("is not a form"),
    mark("nothing in it"),
    mark("send the file whole"),
    mark("is cut off: {n} bytes of sound are missing"),
    mark("is no sound that we know; allowed: {list}"),
)
"""Why a field of a hook is not understood."""


def why_refused(words: Words, reason: str) -> str:
    """A refused hook's reason; one that is in no list stays as it was kept."""
    return _said(words, reason, REFUSED)


def why_aside(words: Words, reason: str) -> str:
    """The same of what stands in quarantine."""
    return _said(words, reason, ASIDE)


def answered(voice: Voice, told: Decision) -> str:
    """What a hook that asked was told, in a few words."""
    words = voice.words
    match told:
        case Connect():
            people = dict.fromkeys(who for step in told.steps for who in step.managers)
            if not people:
                return words("to the last resort")
            return words("rings: {names}", names=voice.names(tuple(people), most=3))
        case Wait():
            return words("the caller waits, place {n}", n=told.position)
        case Message():
            return words("a message is played")
        case Reject():
            return words("the call is rejected")
        case NoOpinion():
            return words("the PBX does as it would without us")
    assert_never(told)


def _said(words: Words, reason: str, messages: tuple[str, ...]) -> str:
    for message in messages:
        if found := _pattern(message).fullmatch(reason):
            return words(message, **found.groupdict())
    return reason


@cache
def _pattern(message: str) -> re.Pattern[str]:
    """`wrong secret ({scheme})` as the pattern of what was kept."""
    parts = re.split(r"\{(\w+)\}", message)
    texts = [f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts)]
    return re.compile("".join(texts), re.DOTALL)
