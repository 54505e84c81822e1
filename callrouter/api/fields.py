"""The shapes that bodies and queries are made of, read and written the same everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import WithJsonSchema

# RFC 3339, 5.6. A `+` that was not escaped in a query arrives as a space.
_INSTANT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<minute>[0-9]{2}:[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?P<fraction>\.[0-9]{1,20})?(?P<zone>[Zz]|[+\- ][0-9]{2}:[0-9]{2})"
)
_LEAP_SECOND = "60"
_OUR_TIME = r"^(19[7-9][0-9]|2[01][0-9][0-9])-"


def read_instant(text: object) -> datetime:
    """Read an RFC 3339 moment; its fraction is cut to microseconds. Raises ValueError."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("a moment with its zone is needed, like 2026-03-02T09:00:00+03:00")
    second = "59" if found["second"] == _LEAP_SECOND else found["second"]  # Python has no 60
    fraction = (found["fraction"] or ".")[1:7].ljust(6, "0")
    zone = "+00:00" if found["zone"] in "Zz" else found["zone"].replace(" ", "+")
    try:
        moment = f"{found['day']}T{found['minute']}:{second}.{fraction}{zone}"
        return datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such moment") from None


def _read_in_our_time(text: object) -> datetime:
    """Hours and holidays are reckoned in local time, which the ends of the calendar do not have."""
    moment = read_instant(text)
    if not re.match(_OUR_TIME, str(text)):
        raise ValueError("a moment from 1970 to 2199 is needed")
    return moment


def write_instant(moment: datetime) -> str:
    """As `2026-03-02T06:00:00.000Z`."""
    utc = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return utc.removesuffix("+00:00") + "Z"


def _without_nul(text: str) -> str:
    """PostgreSQL keeps no NUL in a text, so nothing there holds one."""
    return text.replace("\x00", "")


Instant = Annotated[
    datetime,
    BeforeValidator(read_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation"),
]
OurTime = Annotated[
    datetime,
    BeforeValidator(_read_in_our_time),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": _OUR_TIME}, mode="validation"
    ),
]
Text = Annotated[str, Field(max_length=128), AfterValidator(_without_nul)]
Reason = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]
Note = Annotated[str, Field(max_length=2000), AfterValidator(_without_nul)]
Key = Annotated[str, Field(max_length=64), AfterValidator(_without_nul)]
Id = Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$", min_length=26, max_length=26)]


class Given(BaseModel):
    """What a request brings. What is not named here is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ById(Given):
    id: Id


class Paged(Given):
    """Every list takes these; `cursor` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200, description="Items on a page.")] = 50


def plain(value: Any) -> str:  # noqa: ANN401  whatever json cannot write by itself
    """For json.dumps: moments as everywhere."""
    if isinstance(value, datetime):
        return write_instant(value)
    raise TypeError(f"no way is known to write a {type(value).__name__}")
