"""What an e-mail address was probably meant to be: `anna@gmial.com` -> `anna@gmail.com`.

A hint, never a refusal.
"""

from typing import Final

# Where people have their mail, the most usual first: the first that is near enough is told.
COMMON_DOMAINS: Final = (
    "gmail.com",
    "mail.ru",
    "yandex.ru",
    "bk.ru",
    "inbox.ru",
    "list.ru",
    "ya.ru",
    "rambler.ru",
    "icloud.com",
    "outlook.com",
    "hotmail.com",
    "yahoo.com",
    "yandex.com",
    "googlemail.com",
    "protonmail.com",
    "live.com",
)
# Short names are near to many real companies: they are told of by these very slips alone.
_SLIPS: Final = {
    "mail.tu": "mail.ru",
    "mail.ry": "mail.ru",
    "mail.r": "mail.ru",
    "maill.ru": "mail.ru",
    "meil.ru": "mail.ru",
    "gmail.ru": "gmail.com",
    "gmail.co": "gmail.com",
    "gmail": "gmail.com",
    "ya.r": "ya.ru",
    "ya.tu": "ya.ru",
    "yandex": "yandex.ru",
    "yandx.ru": "yandex.ru",
    "bk.r": "bk.ru",
    "lst.ru": "list.ru",
    "indox.ru": "inbox.ru",
}
_LONG_ENOUGH: Final = 8
# Real providers whose names are one slip away from one of the common ones.
_REAL: Final = frozenset(
    {*COMMON_DOMAINS, "ymail.com", "email.com", "yandex.by", "yandex.kz", "yandex.ua", "rambler.ua"}
)


def likely_meant(address: str) -> str | None:
    """The address that was probably meant, where its domain is a slip of a common one."""
    name, at, domain = address.strip().rpartition("@")
    domain = domain.lower().rstrip(".")
    if not at or not name or domain in _REAL:
        return None
    meant = _SLIPS.get(domain) or next(
        (
            known
            for known in COMMON_DOMAINS
            if len(known) >= _LONG_ENOUGH and _one_slip(domain, known)
        ),
        None,
    )
    return f"{name}@{meant}" if meant else None


def _one_slip(written: str, meant: str) -> bool:
    """Whether one letter was left out, put in, changed, or two neighbours were swapped."""
    if abs(len(written) - len(meant)) > 1:
        return False
    start = next(
        (at for at, (one, other) in enumerate(zip(written, meant, strict=False)) if one != other),
        None,
    )
    if start is None:
        return len(written) != len(meant)
    rest, right = written[start:], meant[start:]
    return (
        rest[1:] == right[1:]
        or rest[1:] == right
        or rest == right[1:]
        or (rest[2:] == right[2:] and rest[:2] == right[1::-1])
    )
