"""Who calls: one reading of a number, however a provider, a PBX or a person spells it."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import unquote

# Never phonenumbers.geocoder, .carrier or .timezone: the first alone costs 5 s and 204 MB.
import phonenumbers
from phonenumbers import CountryCodeSource, PhoneMetadata, PhoneNumber, ValidationResult

CallerKind = Literal["known", "withheld", "short", "internal", "name"]

_RAW_LIMIT: Final = 128  # characters kept of what was sent
_READ_LIMIT: Final = 512  # characters looked at; a number behind more than that is none
_E164_DIGITS: Final = 15
_SHORT_DIGITS: Final = 8  # at most so many digits that are no full number are `short`
_INSIDE_DIGITS: Final = 6  # with so few a plus was put on by a PBX and says nothing


@dataclass(frozen=True, slots=True)
class Caller:
    """The calling side as normalised.

    `known`: a number that identifies somebody. `withheld`: nobody said who. `short`: digits that
    are no full number (112, 900, a local number without its area code). `internal`: one of our
    own inside dials. `name`: anything else, a word or digits of no numbering plan; to be shown,
    never dialled. Only a `known` caller may be looked up or make a contact by number.
    """

    kind: CallerKind
    number: str | None  # known: E.164; short: bare digits; internal: the dial; else None
    raw: str  # as sent, without control, bidi and zero-width characters, at most 128 characters
    extension: str | None = None

    @property
    def country(self) -> str | None:
        """ISO 3166 alpha-2 of a known number; None where it has none."""
        return _country(self.number) if self.kind == "known" and self.number else None


def read_caller(
    raw: str | None,
    region: str,
    *,
    internal: Collection[str] = (),
    international: bool = False,
) -> Caller:
    """Say who calls a line of this region (ISO 3166 alpha-2). Never raises.

    `internal` holds our own inside dials as `spelled` gives them (a frozenset: it is asked
    once or twice). `international`: the provider promises numbers with country code and without
    plus, so `4951234567` is German on a Russian line too; a broken promise (`8916…`) is seen.
    """
    caller = _read(raw[: _READ_LIMIT + 1] if raw else "", region, international=international)
    if internal:
        for dial in (spelled(caller.raw), caller.number if caller.kind == "short" else None):
            if dial and dial in internal and not is_outside(dial):
                return replace(caller, kind="internal", number=dial, extension=None)
    return caller


def read_number(raw: str, region: str) -> str | None:
    """Give the E.164 form of a number that identifies somebody, else None; an extension is lost."""
    caller = _read(raw[: _READ_LIMIT + 1], region, international=False)
    return caller.number if caller.kind == "known" else None


def spelled(raw: str) -> str:
    """Give the form in which a line, an alias or an inside dial is looked up in a dict.

    `sip:` and `tel:` addresses lose all but the user; numbers lose what only separates digits
    and keep their plus; words are case-folded and lose spaces: `Trunk-MSK` is `trunk-msk`.
    It knows no region: `+7495…`, `7495…` and `8495…` stay three spellings.
    """
    user, _params = _take_apart(raw)
    digits = _only_digits(user)
    return digits or re.sub(r"\s+", "", user.casefold())[:_RAW_LIMIT]


def pretty(number: str) -> str:
    """Write an E.164 number for people, `+7 916 123-45-67`; any other string stays as it is."""
    if re.fullmatch(r"\+7[3489][0-9]{9}", number):
        return f"{number[:2]} {number[2:5]} {number[5:8]}-{number[8:10]}-{number[10:]}"
    return _grouped(number) if re.fullmatch(r"\+[1-9][0-9]{6,14}", number) else number


@lru_cache(maxsize=4096)
def _grouped(number: str) -> str:
    if read := _parse(number, None):
        return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return number


def masked(number: str) -> str:
    """Hide a number for logs: `+7916***67`; what has fewer than ten digits is hidden whole."""
    digits = _only_digits(number[:_READ_LIMIT])
    shown = 5 if digits.startswith("+") else 4
    if len(digits) < shown + 6:
        return "***" if number else ""
    return f"{digits[:shown]}***{digits[-2:]}"


_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
_DIALABLE = re.compile(
    r"\+?[0-9]{1,15}"
    r"|[A-Za-z0-9_.-]{1,64}"
    r"|client:[A-Za-z0-9_.-]{1,64}"
    rf"|sips?:[A-Za-z0-9_.+-]{{1,64}}@{_HOST}(?::[1-9][0-9]{{0,4}})?"
)


@lru_cache(maxsize=16384)
def is_dialable(dial: str) -> bool:
    """Tell whether the whole string is one of the forms of "What may be dialled"."""
    return _DIALABLE.fullmatch(dial) is not None


def is_outside(dial: str) -> bool:
    """Tell whether the dial leaves the PBX: it begins with a plus."""
    return dial.startswith("+")


_FORBIDDEN_TO_A_PBX = str.maketrans(dict.fromkeys("${}()[]<>|&;,=\"'\\`", " "))


def clean_text(text: str, limit: int = 64) -> str:
    """Make free text safe inside a dialplan and cut it at a character to `limit` bytes of UTF-8.

    What is forbidden becomes a space and spaces are joined: `Петров (опт)` is `Петров опт`.
    """
    # NFC comes first: it turns U+037E into a semicolon and U+1FEF into a backtick.
    text = unicodedata.normalize("NFC", text[: limit * 8]).translate(_FORBIDDEN_TO_A_PBX)
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)
    text = unicodedata.normalize("NFC", " ".join(_without_unseen(text).split()))
    return text.encode()[:limit].decode(errors="ignore").rstrip()


# Words that mean "no number", folded to letters alone, "ё" as "е".
_WORDS: Final = """
anonymous anonymouscaller anonymousinvalid restricted unavailable unknown unknowncaller
unknownnumber private privatenumber privatecaller withheld numberwithheld withheldnumber
blocked blockednumber hidden hiddennumber idhidden nocallerid nonumber noname notavailable
none null nil undefined empty na
номерскрыт скрытыйномер скрыт скрытый скрыто номернеопределен неопределен неопределено
номернеизвестен неизвестно неизвестен неизвестный неизвестныйномер неизвестныйабонент
аноним анонимный анонимно анонимныйномер анонимныйзвонок анонимныйабонент безномера
закрытыйномер номерзакрыт номернедоступен номерзаблокирован антиаон антиопределитель
прихований прихованийномер невідомий невідомийномер невідомо анонім анонімний
схаваны схаванынумар невядомы невядома ананім жасырын жасырыннөмір белгісіз белгісізнөмір
anonym unbekannt unterdrückt nummerunterdrückt rufnummerunterdrückt
"""
_WITHHELD_WORDS: Final = frozenset(_WORDS.split())

# Some networks spell such a word on the keypad: 266696687 is ANONYMOUS, 7378742833 RESTRICTED,
# which would read as a number of Kazakhstan.
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_SPELT_ON_KEYPAD: Final = "anonymous restricted unavailable unknown private blocked withheld"
_WITHHELD_DIGITS: Final = frozenset(_SPELT_ON_KEYPAD.translate(_KEYPAD).split())


@lru_cache(maxsize=8192)
def _read(raw: str, region: str, *, international: bool) -> Caller:
    kept = _without_unseen(raw).strip()[:_RAW_LIMIT]
    if len(raw) > _READ_LIMIT:
        return Caller("name", None, kept)
    user, params = _take_apart(raw)
    if _is_withheld(user):
        return Caller("withheld", None, kept)
    base, extension = _split_extension(user, params)
    digits = _only_digits(base)
    context = params.get("phone-context", "")
    if context.startswith("+") and digits and not is_outside(digits):
        digits = _only_digits(context) + digits  # RFC 3966, 5.1.5: a local number and its prefix
    bare = digits.removeprefix("+")
    if not bare or len(bare) > _E164_DIGITS + len("810"):
        return Caller("name", None, kept)
    if _means_withheld(bare):
        return Caller("withheld", None, kept)
    plus = is_outside(digits) and len(bare) > _INSIDE_DIGITS
    if found := _find(bare, region.upper(), plus=plus, international=international):
        number = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
        return Caller("known", number, kept, extension)
    if len(bare) <= _SHORT_DIGITS and not plus and not extension:
        return Caller("short", bare, kept)
    return Caller("name", None, kept)


def _without_unseen(text: str) -> str:
    """Drop control, bidi, zero-width, surrogate and unassigned characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if not unicodedata.category(c).startswith("C"))


def _folded(text: str) -> str:
    """Fold full-width and other writing systems' digits and signs to ASCII where they have one."""
    text = unicodedata.normalize("NFKC", _without_unseen(text))
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


_SCHEME = re.compile(r"\s*(?:sips?|tel|callto|h323):(?://)?", re.IGNORECASE)
_AROUND = " \t'\"=«»`"


def _take_apart(raw: str) -> tuple[str, dict[str, str]]:
    """Split an address as sent into its user part and the parameters of that part.

    Takes a bare number or word, `tel:`, `sip:user:password@host;params?headers` and
    `"Name" <…>`. Parameters without a name stand under "".
    """
    text = _folded(raw[:_READ_LIMIT]).strip()
    if "<" in text:
        text = text.rpartition("<")[2].partition(">")[0]
    text = _SCHEME.sub("", text.strip(_AROUND), count=1)
    user, at, _host = text.partition("@")
    user, *rest = (user if at else text).partition("?")[0].split(";")
    if at:
        user = user.partition(":")[0]  # what follows is a password
    params: dict[str, str] = {}
    for item in rest:
        name, equals, value = item.partition("=")
        params.setdefault(name.strip().lower() if equals else "", _decoded(value or name))
    return _decoded(user), params


def _decoded(text: str) -> str:
    return _folded(unquote(text) if "%" in text else text).strip(_AROUND)


def _is_withheld(user: str) -> bool:
    if not any(c.isalnum() for c in user):
        return True
    return re.sub(r"[\W_]+", "", user.casefold().replace("ё", "е")) in _WITHHELD_WORDS


def _means_withheld(digits: str) -> bool:
    return not digits.strip("0") or not _WITHHELD_DIGITS.isdisjoint(
        (digits, digits.removeprefix("1"))
    )


# Every repetition is bounded, so that no text makes the search slow.
_EXTENSION = re.compile(
    r"[\s(,]{0,4}(?:[#*,~xхwp]{1,3}|(?:доб|доп|вн|тон|ext)[^\W\d]{0,10})(?:[\s.:#]|no){0,3}"
    r"([0-9]{1,7})[\s#)]{0,3}$",
    re.IGNORECASE,
)


def _split_extension(user: str, params: dict[str, str]) -> tuple[str, str | None]:
    sent = params.get("ext") or params.get("", "")
    if re.fullmatch(r"[0-9]{1,7}", sent):
        return user, sent
    if found := _EXTENSION.search(user):
        return user[: found.start()], found[1]
    return user, None


_LABEL = re.compile(
    r"(?:тел(?:ефон)?|моб(?:ильный)?|сот(?:овый)?|раб(?:очий)?|факс|tel|phone|mob(?:ile)?|fax)"
    r"[.:\s]{1,3}",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\s().\-\u2010-\u2015\u2212/~]+")


def _only_digits(text: str) -> str:
    """Give the digits, with their plus, of a text that is one number, else an empty string."""
    text = _folded(text).strip(_AROUND).rstrip("#")
    if label := _LABEL.match(text):
        text = text[label.end() :]
    _before, slash, after = text.rpartition("/")
    if slash and sum(c.isdigit() for c in after) < 5:
        return ""  # `123-45-67/68` is two numbers; `030/1234567` is one
    if (
        re.fullmatch(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}", text)
        and max(map(int, text.split("."))) < 256
    ):
        return ""  # a SIP address without a user: 192.168.1.10
    found = re.fullmatch(r"(\+?)\+?([0-9]+)", _SEPARATORS.sub("", text))
    return found[1] + found[2] if found else ""


def _find(digits: str, region: str, *, plus: bool, international: bool) -> PhoneNumber | None:
    """Choose between the national and the international reading of the digits.

    A reading that the numbering plan confirms goes before one that is only long enough; what
    people of the region write (`8916…`, `916…` in Russia, `030…` in Germany) goes before the
    international reading, and that before a national one without the prefix that belongs to it.
    """
    world = _parse("+" + digits, None)
    if plus and _begins_with_country(digits):
        return world
    if digits.startswith("00") and (after_exit := _parse("+" + digits[2:], None)):
        return after_exit
    home = _parse(digits, region)
    usual = home is not None and _is_usual(home, digits, region)
    if plus:  # a PBX put it before a national number: no country's code begins like this
        return home if usual and _is_valid(home) else None
    if home and home.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return home
    length = len(digits)
    tries = (
        (world, international and length >= 8 and _is_valid(world)),
        (home, usual and _is_valid(home)),
        (world, length >= 10 and _is_valid(world)),
        (home, length >= 9 and _is_valid(home)),
        (world, international and length >= 8),
        (home, usual and _fits_plan(home)),
        (world, length >= 11 and _fits_plan(world)),
    )
    return next((number for number, fits in tries if fits and number), None)


def _parse(text: str, region: str | None) -> PhoneNumber | None:
    """Read digits as a number of possible length, else give None."""
    try:
        number = phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    national = phonenumbers.national_significant_number(number)
    if national.startswith("0") and not _stays(number, national):
        return None
    length = len(str(number.country_code)) + len(national)
    reason = phonenumbers.is_possible_number_with_reason(number)
    # Germany's plan alone allows more than E.164 does.
    return number if reason == ValidationResult.IS_POSSIBLE and length <= _E164_DIGITS else None


def _stays(number: PhoneNumber, national: str) -> bool:
    """Tell whether its E.164 is read as itself again, and does not lose another zero."""
    again = phonenumbers.parse(f"+{number.country_code}{national}", None)
    return phonenumbers.national_significant_number(again) == national


def _is_valid(number: PhoneNumber | None) -> bool:
    return number is not None and phonenumbers.is_valid_number(number)


def _fits_plan(number: PhoneNumber | None) -> bool:
    """Tell whether the country's plan allows it, though no range in it is known to be in use."""
    if number is None or number.country_code is None:
        return False
    country = phonenumbers.region_code_for_country_code(number.country_code)
    plan = PhoneMetadata.metadata_for_region(country, None)
    pattern = plan and plan.general_desc and plan.general_desc.national_number_pattern
    return bool(pattern and re.fullmatch(pattern, phonenumbers.national_significant_number(number)))


def _is_usual(number: PhoneNumber, digits: str, region: str) -> bool:
    """Tell whether people of the region write a national number so.

    It has its prefix or country code, or the country knows no prefix, or all its mobile numbers
    have this one length. Germany's have not: `380501234567` there is Ukrainian, not 03805….
    """
    if digits != phonenumbers.national_significant_number(number):
        return True
    plan = PhoneMetadata.metadata_for_region(region, None)
    if plan is None or plan.national_prefix is None or plan.mobile is None:
        return True
    return plan.mobile.possible_length == (len(digits),)


def _begins_with_country(digits: str) -> bool:
    codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return digits[0] != "0" and any(int(digits[:length]) in codes for length in (1, 2, 3))


@lru_cache(maxsize=4096)
def _country(number: str) -> str | None:
    country = phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    return country if country != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else None
