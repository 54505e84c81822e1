"""Codes of the moment (RFC 6238), as the usual apps on a telephone show them."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Final

import pyotp
import segno

STEP_S: Final = 30
_EARLIER_OR_LATER: Final = 1
"""So many steps a telephone's clock may be off."""


def new_secret() -> str:
    return pyotp.random_base32()


def uri_of(secret: str, email: str, company: str) -> str:
    """What the QR code says to the app."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=company or "callrouter")


def picture_of(uri: str) -> bytes:
    """A QR code as SVG, dark on light whatever the page's colours are."""
    file = io.BytesIO()
    segno.make(uri, micro=False).save(file, kind="svg", scale=5, dark="#000", light="#fff")
    return file.getvalue()


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The step that this code is of, to be used up; None: it is not right now."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit()):
        return None
    at, totp = int(now.timestamp()) // STEP_S, pyotp.TOTP(secret)
    for step in range(at - _EARLIER_OR_LATER, at + _EARLIER_OR_LATER + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(step), typed):
            return step
    return None
