"""Names as people spell them: which of two spellings may mean the same person or company."""

from __future__ import annotations

import re
import unicodedata

_BETWEEN = re.compile(r"[\W_]+")


def folded(name: str) -> str:
    """The form in which a name is compared: no case, no signs, "ё" as "е".

    `ООО «Ромашка»` and `ооо "РОМАШКА"` are one, `ООО Ромашка` and `Ромашка` are two.
    """
    plain = unicodedata.normalize("NFKC", name).casefold().replace("ё", "е")
    return _BETWEEN.sub(" ", plain).strip()


def may_be_same(one: str, other: str) -> bool:
    """Could these be one person, written with fewer words, in another order, with initials?

    `Петров И.` may be `Иван Петров`, and `Иван` may; `Пётр Петров` is somebody else. Who has no
    name may be anybody.
    """
    fewer, more = sorted((folded(one).split(), folded(other).split()), key=len)
    if not fewer:
        return True
    left = list(more)
    unmet = []
    for word in fewer:
        if word in left:
            left.remove(word)
        else:
            unmet.append(word)
    if len(unmet) == len(fewer):
        return False
    for word in unmet:
        full = next((that for that in left if _is_initial(word, that)), None)
        if full is None:
            return False
        left.remove(full)
    return True


def _is_initial(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) == 1 and long.startswith(short)
