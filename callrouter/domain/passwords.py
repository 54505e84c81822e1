"""Which passwords are too weak: too short, among the commonest, or made of one's own name.

No rules of composition, as NIST SP 800-63B has it: length and a list keep off more than symbols.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

Weakness = Literal["short", "long", "common", "own"]

SHORTEST: Final = 10
LONGEST: Final = 200

_FEW: Final = 4  # different characters
_PART: Final = 4  # what is shorter is in many words
_BESIDES: Final = 8  # so much must stand besides one's own name

_COMMON: Final = """
password passw0rd p@ssw0rd p@ssword pass qwerty qwertyui qwertyuiop asdfgh asdfghjkl zxcvbn
zxcvbnm zxcvbnma admin administrator root welcome letmein iloveyou monkey dragon football
baseball basketball superman batman sunshine princess master hello shadow michael jordan
trustno secret changeme default login access starwars whatever computer internet samsung
google freedom mustang jennifer abc abcd abcdef abcdefgh qazwsx qazwsxedc qweasd qweasdzxc
callrouter manager
пароль йцукен йцукенг йцукенгшщз фывапр фывапролдж ячсмит ячсмитьбю привет наташа любовь
солнышко админ администратор менеджер россия москва максим марина gfhjkm ghbdtn yfnfif k.,jdm
parol privet lubov rossiya moskva natasha marina spartak zenit
"""
_BASES: Final = frozenset(_COMMON.split())
"""What remains of common passwords without the digits and signs round them."""

_ROWS: Final = (
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "q1w2e3r4t5y6u7i8o9p0",
    "abcdefghijklmnopqrstuvwxyz",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
)


def weakness(password: str, own: Iterable[str] = ()) -> Weakness | None:
    """What is wrong with a password; None: nothing. `own`: name, e-mail, company."""
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    said = password.casefold()
    if _is_common(said):
        return "common"
    parts = {part for one in own for part in re.split(r"\W+", one.casefold()) if len(part) >= _PART}
    rest = said
    for part in sorted(parts, key=len, reverse=True):
        rest = rest.replace(part, "")
    return "own" if rest != said and len(rest) < _BESIDES else None


def _is_common(said: str) -> bool:
    if len(set(said)) < _FEW:
        return True
    if any(said in row or said in row[::-1] for row in _ROWS):
        return True
    stem = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", said)
    once = re.sub(r"^(.+?)\1+$", r"\1", said)  # a word said twice is that word
    return any(one in _BASES for one in (stem, once, re.sub(r"[\W\d_]+$", "", once)))
