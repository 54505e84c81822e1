"""What a status may need of a card, besides the company's own fields."""

from __future__ import annotations

from typing import Final

NEEDED: Final = ("amount", "due", "items", "email", "contact", "source", "loss_reason")
"""`email`: an address of its contact; `contact`: that it is known whose the card is."""
