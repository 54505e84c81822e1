"""What was asked for by an id and is not there."""

from __future__ import annotations


class NoSuchCall(Exception):
    """There is no call of this id."""


class NoSuchCard(Exception):
    """There is no card of this id."""


class NoSuchContact(Exception):
    """There is no contact of this id, or it was merged into another."""
