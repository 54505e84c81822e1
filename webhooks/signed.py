"""Signatures as Standard Webhooks 1.0 has them, by HMAC-SHA256.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
(read 2026-11-22).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from webhooks.provider import ForgedHook, RawHook

TOLERANCE_S: Final = 300

_ENCODED: Final = b"whsec_"
_ID = re.compile(r"[!-\-/-~]{1,200}")
"""No full stop, as the standard asks: id and time end at one, so each could pass for the other."""

_SECONDS = re.compile(r"[1-9][0-9]{0,10}")
_SIGNATURES = re.compile(r"[!-+\--~]{1,10},[!-+\--~]{1,200}(?: [!-+\--~]{1,10},[!-+\--~]{1,200})*")
_V1 = re.compile(r"v1,[A-Za-z0-9+/]{43}=")


def is_signed(hook: RawHook) -> bool:
    """Tell whether it claims to be: then its signature must be right."""
    return any(name == "webhook-signature" for name, _ in hook.headers)


def check_signature(hook: RawHook, secrets: Sequence[bytes]) -> None:
    """Raise ForgedHook unless one of the secrets signed this id, time and body."""
    hook_id, sent_at = webhook_id(hook), _only(hook, "webhook-timestamp")
    if not _SECONDS.fullmatch(sent_at):
        raise ForgedHook("webhook-timestamp is not a whole number of seconds")
    if abs(hook.arrived.timestamp() - int(sent_at)) > TOLERANCE_S:
        raise ForgedHook(f"webhook-timestamp is more than {TOLERANCE_S} s from our clock")
    given = _given(_only(hook, "webhook-signature"))
    keys = [key for secret in secrets if (key := signing_key(secret))]
    if not keys:
        raise ForgedHook("the account's secret is no key: after whsec_ stands no base64")
    signed = f"{hook_id}.{sent_at}.".encode() + hook.body
    # Every signature is compared with every key's, whichever fits.
    matches = [hmac.compare_digest(one, _sign(key, signed)) for key in keys for one in given]
    if True not in matches:
        raise ForgedHook("wrong signature")


def signatures(
    secrets: Sequence[bytes], hook_id: str, sent_at: int, body: bytes
) -> tuple[tuple[str, str], ...]:
    """The headers of what we send, signed with every secret, so that one may be changed."""
    signed = f"{hook_id}.{sent_at}.".encode() + body
    given = [_sign(key, signed).decode() for one in secrets if (key := signing_key(one))]
    return (
        ("webhook-id", hook_id),
        ("webhook-timestamp", str(sent_at)),
        ("webhook-signature", " ".join(given)),
    )


def webhook_id(hook: RawHook) -> str:
    """The id of a signed request, the same whenever it is sent again. Raises ForgedHook."""
    found = _only(hook, "webhook-id")
    if not _ID.fullmatch(found):
        raise ForgedHook("webhook-id is not 1 to 200 ASCII characters without . and space")
    return found


def signing_key(secret: bytes) -> bytes:
    """The key that a secret stands for: what `whsec_` encodes, else the secret's own bytes.

    Empty where what follows `whsec_` is not base64.
    """
    if not secret.startswith(_ENCODED):
        return secret
    encoded = secret.removeprefix(_ENCODED)
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return b""


def _sign(key: bytes, signed: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def _given(sent: str) -> list[bytes]:
    """The signatures of version 1; others may stand beside them."""
    if not _SIGNATURES.fullmatch(sent):
        raise ForgedHook("webhook-signature is not a list like `v1,… v1,…`")
    ours = [one for one in sent.split(" ") if one.startswith("v1,")]
    if not ours or not all(_V1.fullmatch(one) for one in ours):
        raise ForgedHook("webhook-signature holds no v1 signature, or a broken one")
    return [one.encode() for one in ours]


def _only(hook: RawHook, name: str) -> str:
    sent = {value for key, value in hook.headers if key == name}
    if len(sent) != 1:
        raise ForgedHook(f"several {name} headers" if sent else f"no {name} header")
    return sent.pop()
