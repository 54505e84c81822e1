"""The shapes that bodies and queries are made of, read and written the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import WithJsonSchema

from callrouter.flows.fields import read_day, read_decimal
from storage.listing_values import cut

T = TypeVar("T")
C = TypeVar("C")

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


def _read_money(given: object) -> Decimal:
    """Raises ValueError; a float stands for what was written."""
    amount = read_decimal(given)
    if amount is None:
        raise ValueError("a sum of money is needed, like 1234.50")
    return amount


def _read_flag(text: object) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false is needed")
    return text == "true"


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
Money = Annotated[
    Decimal,
    BeforeValidator(_read_money),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "exclusiveMaximum": 10**13},
                {"type": "string", "pattern": r"^[0-9]{1,13}(\.[0-9]{1,2})?$"},
            ]
        },
        mode="validation",
    ),
]
Flag = Annotated[bool, BeforeValidator(_read_flag)]  # in a query
Day = Annotated[
    date,
    BeforeValidator(read_day),
    WithJsonSchema({"type": "string", "format": "date"}, mode="validation"),
]
Text = Annotated[str, Field(max_length=128), AfterValidator(_without_nul)]
Reason = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]
Note = Annotated[str, Field(max_length=2000), AfterValidator(_without_nul)]
Key = Annotated[str, Field(max_length=64), AfterValidator(_without_nul)]
OwnFields = Annotated[dict[Key, Note | int | float | bool | None], Field(max_length=100)]
OwnValue = str | Decimal | date | bool
Id = Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$", min_length=26, max_length=26)]

# Of a list by moments: the last item's, in milliseconds since 1970, and its id.
Cursor = Annotated[
    str, Field(pattern=r"^[0-9]{1,13}-[0-9A-HJKMNP-TV-Z]{26}$", min_length=28, max_length=40)
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def cursor_at(moment: datetime, id_: str) -> str:
    return f"{(moment - _EPOCH) // _MS}-{id_}"


def place_of(cursor: str | None) -> tuple[datetime, str] | None:
    """Behind which item a page begins; None: it is the first."""
    if cursor is None:
        return None
    moment, _, id_ = cursor.partition("-")
    return _EPOCH + int(moment) * _MS, id_


class Given(BaseModel):
    """What a request brings. What is not named here is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ById(Given):
    id: Id


class Paged(Given):
    """Every list takes these; `cursor` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200, description="Items on a page.")] = 50

    def part(self, found: Sequence[T], place: Callable[[T], C]) -> tuple[Sequence[T], C | None]:
        """Of what was read with more than fits: what fits, and the cursor of what follows."""
        fits = cut(found, self.limit)
        return fits.items, place(fits.items[-1]) if fits.more else None


def plain(value: Any) -> str:  # noqa: ANN401  whatever json cannot write by itself
    """For json.dumps: moments as everywhere, days as `2026-03-02`, exact figures as texts."""
    if isinstance(value, datetime):
        return write_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"no way is known to write a {type(value).__name__}")
