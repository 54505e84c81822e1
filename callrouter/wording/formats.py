"""How figures, moments and lengths are written: 35 %, 12.03.2026 14:05, 2 min 14 s."""

from __future__ import annotations

from datetime import datetime

from callrouter.wording.catalogue import Words


def share(load: float) -> str:
    """A load of 0.35 as `35 %`."""
    return f"{load * 100:.0f} %"


def amount(words: Words, value: float) -> str:
    """A number without needless zeros, with the language's decimal mark: `7`, `5,5`."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if words.language == "ru" else text


def moment(at: datetime) -> str:
    """A moment that is already in the zone of whoever reads it."""
    return f"{at:%d.%m.%Y %H:%M}"


def until(at: datetime, now: datetime) -> str:
    """The end of something: the time for today, the day for later. Both in the reader's zone."""
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%d.%m}" if at.year == now.year else f"{at:%d.%m.%Y}"


def length(words: Words, seconds: float) -> str:
    """A length of time in its two largest units."""
    whole = max(0, round(seconds))
    minutes, left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return words.many("{n} day", "{n} days", days)
    if hours:
        return words("{hours} h {minutes} min", hours=hours_left, minutes=minutes_left)
    if minutes and not left:
        return words("{minutes} min", minutes=minutes)
    if minutes:
        return words("{minutes} min {seconds} s", minutes=minutes, seconds=left)
    return words("{seconds} s", seconds=left)


def timer(seconds: float) -> str:
    """A running time: `0:07`, `12:40`, `1:02:03`."""
    minutes, left = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
