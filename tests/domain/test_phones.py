"""Who is calling: every spelling met in the wild gives one caller, and nothing makes it raise."""

import subprocess
import sys
import unicodedata
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callrouter.domain.phones import (
    Caller,
    CallerKind,
    clean_text,
    is_dialable,
    is_outside,
    masked,
    pretty,
    read_caller,
    read_number,
    spelled,
)

IVAN = "+79161234567"
OFFICE = "+74951234567"
BERLIN = "+4930123456"
LONDON = "+442071838750"
NEW_YORK = "+12125551234"
ALMATY = "+77273123456"
ALMATY_MOBILE = "+77011234567"
MINSK_MOBILE = "+375291234567"
KYIV_MOBILE = "+380501234567"
WARSAW = "+48123456789"

Row = tuple[str | None, str, CallerKind, str | None, str | None]


def known(number: str, region: str, *spellings: str, extension: str | None = None) -> list[Row]:
    return [(raw, region, "known", number, extension) for raw in spellings]


def withheld(region: str, *spellings: str | None) -> list[Row]:
    return [(raw, region, "withheld", None, None) for raw in spellings]


def short(region: str, *digits: str) -> list[Row]:
    return [(raw, region, "short", raw, None) for raw in digits]


def nameless(region: str, *spellings: str) -> list[Row]:
    return [(raw, region, "name", None, None) for raw in spellings]


TABLE: list[Row] = [
    # Russia, as people and PBXs write it
    *known(
        IVAN,
        "RU",
        *("+79161234567", "79161234567", "89161234567", "9161234567"),
        *("+7 916 123-45-67", "+7 (916) 123-45-67", "8 (916) 123-45-67", "8-916-123-45-67"),
        *("8(916)1234567", "(916) 123-45-67", "8.916.123.45.67", "916 123 4567", "7 916 1234567"),
        *("+7-916-123-45-67", "  +79161234567  ", "+7 8 916 123-45-67", "(+7) 916 1234567"),
        *("0079161234567", "00 7 916 123 45 67", "81079161234567", "8-10-7-916-123-45-67"),
        *("8~10~79161234567", "++79161234567", "+89161234567", "+0079161234567"),
        *("+7\u00a0916\u00a0123\u201145\u201167", "+7 916 123\u201345\u201367"),
        *("тел. 8 916 123-45-67", "Моб.: +79161234567", "телефон 89161234567"),
        *("'79161234567", '="79161234567"', "«89161234567»", "89161234567#"),
        *("%2B79161234567", "+7%20916%20123-45-67", "+7 (916)\t123-45-67"),
    ),
    # bidi marks, zero-width, full-width and other writing systems' digits
    *known(
        IVAN,
        "RU",
        *("\u202a+79161234567\u202c", "\u200e89161234567", "\u2066+7 916 123-45-67\u2069"),
        *("+7916\u200b1234567", "\ufeff79161234567", "+7916\u00ad123\u00ad4567"),
        *("+79161234567\x00", "+7916123\ud8004567", "\u061c+79161234567"),
        *("＋７９１６１２３４５６７", "８（９１６）１２３－４５－６７"),
        *("٨٩١٦١٢٣٤٥٦٧", "+७९१६१२३४५६७", "89161234５67", "+7−916−123−45−67"),
    ),
    # addresses
    *known(
        IVAN,
        "RU",
        *("tel:+79161234567", "tel:+7-916-123-45-67", "TEL:89161234567", "tel://+79161234567"),
        *("tel:9161234567;phone-context=+7", "tel:1234567;phone-context=+7916"),
        *("sip:+79161234567@pbx.example.com", "sips:89161234567@pbx.example.com:5061"),
        *("sip:+79161234567@10.0.0.1:5060;transport=udp", "sip:+79161234567@h;user=phone"),
        *("sip:%2B79161234567@h", "sip:+79161234567:s3cret@h", "sip:+79161234567:p@ss@h"),
        *("sip:+79161234567@[2001:db8::1]:5060", "sip:89161234567@h?subject=hi&x=1"),
        *("SIP:+79161234567;npdi;rn=+7@h", "sip:9161234567;phone-context=+7@h"),
        *('"Иван" <sip:+79161234567@h>', '"Иван" <sip:+79161234567@h>;tag=abc1', "<89161234567>"),
        *('"a@b; <x>" <sip:+79161234567@h;lr>', "Иван Петров <+79161234567>"),
        *("sip:+7(916)123-45-67@h", "sip:79161234567", "+79161234567@mango", "79161234567@vpbx400"),
        *("79161234567@1.2.3.4", "h323:+79161234567@h", "callto:+79161234567"),
    ),
    # extensions
    *known(OFFICE, "RU", "+74951234567#101", "84951234567 # 101", extension="101"),
    *known(OFFICE, "RU", "+7 495 123-45-67 доб. 12", "8(495)1234567 (доб.12)", extension="12"),
    *known(OFFICE, "RU", "84951234567доб12", "4951234567, добавочный 12", extension="12"),
    *known(OFFICE, "RU", "84951234567 доп.№12", "84951234567 вн. 12", extension="12"),
    *known(OFFICE, "RU", "84951234567 внутр: 12", "84951234567 тон. 12", extension="12"),
    *known(OFFICE, "RU", "+74951234567 ext 5", "+74951234567 ext.5", extension="5"),
    *known(OFFICE, "RU", "+74951234567x12", "+74951234567 х12", "74951234567 X 12", extension="12"),
    *known(OFFICE, "RU", "+74951234567,12", "+74951234567,,12#", "84951234567w12", extension="12"),
    *known(OFFICE, "RU", "+74951234567*101", "+74951234567;101", extension="101"),
    *known(OFFICE, "RU", "tel:+7-495-123-45-67;ext=101", extension="101"),
    *known(OFFICE, "RU", "sip:+74951234567;ext=101@h", extension="101"),
    *known(OFFICE, "RU", "sip:84951234567%23101@h;user=phone", extension="101"),
    # Russian landlines, 8-800, ten digits beginning with 3, 4, 8
    *known(OFFICE, "RU", "4951234567", "84951234567", "74951234567", "495/123-45-67"),
    *known("+78001234567", "RU", "88001234567", "8001234567", "8 (800) 123-45-67", "78001234567"),
    *known("+78121234567", "RU", "8121234567", "8 812 123-45-67"),
    *known("+73431234567", "RU", "3431234567", "8 343 123-45-67"),
    *known(
        "+73801234567", "RU", "3801234567", "83801234567"
    ),  # no such area yet, but the plan fits
    *known("+79990000000", "RU", "9990000000"),
    # a foreign number without plus never becomes a Russian one
    *known(WARSAW, "RU", "48123456789", "+48123456789", "81048123456789", "0048 12 345 67 89"),
    *known(KYIV_MOBILE, "RU", "380501234567", "+380 50 123 45 67", "810380501234567"),
    *known(MINSK_MOBILE, "RU", "375291234567", "8-10-375-29-123-45-67"),
    *known(LONDON, "RU", "442071838750", "+44 (0)20 7183 8750", "00442071838750"),
    *known(BERLIN, "RU", "+49 (0)30 123456", "+49 30/123456", "004930123456"),
    *known("+4915112345678", "RU", "4915112345678"),
    *known(NEW_YORK, "RU", "12125551234", "+1 (212) 555-1234"),
    *known("+81312345678", "RU", "81312345678"),
    *known("+84951234567", "RU", "+84951234567"),  # Vietnam: a plus is never taken for an 8
    *known("+989161234567", "RU", "989161234567"),
    *known("+3725123456", "RU", "3725123456"),
    *known("+3612345678", "RU", "3612345678"),
    *known("+390612345678", "RU", "390612345678", "+39 06 1234 5678"),
    *known("+8613812345678", "RU", "8613812345678"),
    *known(ALMATY_MOBILE, "RU", "87011234567", "77011234567", "7011234567"),
    *known("+881612345678", "RU", "+881612345678"),
    *known(
        "+9161234567", "RU", "+9161234567"
    ),  # a plus is believed where a country has such lengths
    *known("+70001234567", "RU", "+70001234567"),  # of no range in use, yet the same each time
    # Kazakhstan
    *known(ALMATY, "KZ", "87273123456", "77273123456", "+7 727 312 34 56", "7273123456"),
    *known(ALMATY_MOBILE, "KZ", "8 (701) 123-45-67", "7011234567", "81077011234567"),
    *known(IVAN, "KZ", "89161234567", "+79161234567", "79161234567"),
    *known(KYIV_MOBILE, "KZ", "380501234567"),
    # Germany
    *known(BERLIN, "DE", "030123456", "030/123456", "(030) 12 34 56", "+49 30 123456"),
    *known(BERLIN, "DE", "4930123456", "004930123456", "+49(0)30123456"),
    *known("+4915112345678", "DE", "015112345678", "15112345678", "0151/12345678"),
    *known(KYIV_MOBILE, "DE", "380501234567", "00380501234567"),
    *known(IVAN, "DE", "79161234567", "0079161234567"),
    # Britain
    *known(LONDON, "GB", "020 7183 8750", "02071838750", "2071838750", "442071838750"),
    *known("+447400123456", "GB", "07400 123456", "7400123456", "00447400123456"),
    *known(IVAN, "GB", "79161234567", "0079161234567"),
    # North America
    *known(NEW_YORK, "US", "2125551234", "12125551234", "(212) 555-1234", "1-212-555-1234"),
    *known(NEW_YORK, "US", "+1.212.555.1234", "212.555.1234", "tel:2125551234;phone-context=+1"),
    *known(NEW_YORK, "US", "212-555-1234 ext. 7", "1 212 555 1234 x7", extension="7"),
    *known(LONDON, "US", "011442071838750", "442071838750", "+442071838750"),
    *known(IVAN, "US", "79161234567", "01179161234567"),
    # Belarus and Ukraine
    *known(MINSK_MOBILE, "BY", "80291234567", "8 029 123-45-67", "291234567", "375291234567"),
    *known(MINSK_MOBILE, "BY", "+375 (29) 123-45-67", "0291234567", "81 0375 29 1234567"),
    *known(IVAN, "BY", "79161234567", "81079161234567"),
    *known(KYIV_MOBILE, "UA", "0501234567", "501234567", "380501234567", "(050) 123-45-67"),
    *known(KYIV_MOBILE, "UA", "+38 050 123 45 67", "00380501234567"),
    *known(IVAN, "UA", "79161234567"),
    # withheld: nothing, words, digits that spell a word
    *withheld("RU", None, "", "   ", "-", "+", "?", "\u200b", "<>", '""', "sip:", "sip:@h", "tel:"),
    *withheld("RU", "0", "00", "000", "0000000000", "+0", "+00000000000", "sip:0@h"),
    *withheld("RU", "anonymous", "Anonymous", "ANONYMOUS", "RESTRICTED", "unavailable", "Unknown"),
    *withheld("RU", "private", "Private Number", "withheld", "blocked", "hidden", "No Caller ID"),
    *withheld(
        "RU", "<unknown>", "N/A", "null", "ａｎｏｎｙｍｏｕｓ", "not available", "%61nonymous"
    ),
    *withheld("RU", "sip:anonymous@anonymous.invalid", "anonymous@1.2.3.4", "sip:restricted@h"),
    *withheld("RU", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', '"Anonymous" <>'),
    *withheld("RU", "номер скрыт", "Номер скрыт", "скрыт", "Скрытый номер", "Неизвестно", "аноним"),
    *withheld("RU", "Номер не определён", "номер не определен", "Анонимный звонок"),
    *withheld("UA", "Невідомий номер", "прихований"),
    *withheld("DE", "Unbekannt", "Rufnummer unterdrückt"),
    *withheld("RU", "266696687", "7378742833", "8656696", "2562533", "86282452253", "7748283"),
    *withheld("RU", "94844353", "+266696687", "+7378742833", "+86282452253", "+8656696"),
    *withheld("US", "+1266696687", "1266696687", "+17378742833", "7378742833", "+12562533"),
    *withheld("KZ", "7378742833", "737-874-28-33", "sip:7378742833@h"),
    # service, short and local numbers
    *short("RU", "112", "900", "0891", "911", "101", "8", "02"),
    *short("RU", "123456", "1234567", "12345678", "4930123"),
    *short("DE", "112", "116117", "30123", "11833", "110"),
    *short("US", "911", "411", "5551234"),
    ("+112", "RU", "short", "112", None),
    ("1-12", "RU", "short", "112", None),
    ("123-45-67", "RU", "short", "1234567", None),
    ("sip:900@h", "RU", "short", "900", None),
    ("tel:101;phone-context=pbx.example.com", "RU", "short", "101", None),
    ("１１２", "RU", "short", "112", None),
    # words, and digits that are nobody's number
    *nameless("RU", "Tele2", "SBERBANK", "T-Mobile", "sip:anna@h", "client:anna", "s", "Иван"),
    *nameless("RU", "sip:192.168.1.10", "192.168.1.10", "pbx.example.com", "*100#", "anonymous1"),
    *nameless("RU", "9" * 200, "+" + "7" * 16, "79161234567" * 2, "123456789", "916123456"),
    *nameless("RU", "+7916123456", "+791612345678"),
    *nameless("RU", "79161234567-1", "+79161234567-12", "89161234567, 89031234567"),
    *nameless("RU", "89161234567/89031234567", "4951234567/68", "7916***4567", "7916XXX4567"),
    *nameless("RU", "79161234567abc", "abc79161234567", "79161234567_mango", "2+79161234567"),
    *nameless("RU", "2125551234", "5551234567", "+79161234567" + " " * 600 + "1", "101,5"),
    *nameless("DE", "sip:89.123.45.67", "+4930" + "1234567890123"),
    *nameless("US", "9161234567890", "1234567890"),
]


@pytest.mark.parametrize(
    ("raw", "region", "kind", "number", "extension"),
    [pytest.param(*row, id=f"{row[1]} {str(row[0])[:40]!a}") for row in TABLE],
)
def test_every_spelling_gives_its_caller(
    raw: str | None, region: str, kind: CallerKind, number: str | None, extension: str | None
) -> None:
    caller = read_caller(raw, region)
    assert (caller.kind, caller.number, caller.extension) == (kind, number, extension)
    if raw is not None:
        assert read_number(raw, region) == (number if kind == "known" else None)


def test_the_table_is_long_and_has_no_row_twice() -> None:
    assert len(TABLE) >= 150
    assert len({row[:2] for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        pytest.param("4951234567", "+4951234567", id="ten digits of Germany, not of Moscow"),
        pytest.param("84912345678", "+84912345678", id="Vietnam, not an 8"),
        pytest.param("79161234567", IVAN, id="Russia"),
        pytest.param("442037691880", "+442037691880", id="Britain"),
        pytest.param("35312345678", "+35312345678", id="Ireland"),
        pytest.param("+79161234567", IVAN, id="a plus all the same"),
        pytest.param("89161234567", IVAN, id="promise broken: an 8"),
        pytest.param("9161234567", IVAN, id="promise broken: ten digits"),
        pytest.param("88001234567", "+78001234567", id="promise broken: 8-800"),
        pytest.param("81048123456789", WARSAW, id="promise broken: an exit code"),
        pytest.param("70001234567", "+70001234567", id="no range in use, but promised"),
    ],
)
def test_a_promise_of_international_digits_is_believed_first(raw: str, number: str) -> None:
    caller = read_caller(raw, "RU", international=True)
    assert (caller.kind, caller.number) == ("known", number)


@pytest.mark.parametrize("raw", ["101", "900", "anonymous", "Tele2", "7378742833", "1234567"])
def test_the_promise_makes_no_number_of_what_is_none(raw: str) -> None:
    assert read_caller(raw, "RU", international=True) == read_caller(raw, "RU")


@pytest.mark.parametrize(
    ("raw", "kind", "number"),
    [
        pytest.param("101", "internal", "101", id="as it is"),
        pytest.param("sip:101@pbx.example.com", "internal", "101", id="in an address"),
        pytest.param("+101", "internal", "101", id="with a plus put on by the PBX"),
        pytest.param("Anna", "internal", "anna", id="a word, case folded"),
        pytest.param("client:anna", "name", None, id="another word"),
        pytest.param("102", "short", "102", id="not one of ours"),
        pytest.param("+79160000001", "known", "+79160000001", id="an outside phone stays known"),
        pytest.param("anonymous", "withheld", None, id="withheld stays withheld"),
    ],
)
def test_our_own_inside_dials_are_internal(raw: str, kind: CallerKind, number: str) -> None:
    ours = frozenset({"101", "anna", "+79160000001"})
    caller = read_caller(raw, "RU", internal=ours)
    assert (caller.kind, caller.number) == (kind, number)


@pytest.mark.parametrize(
    ("raw", "country"),
    [
        pytest.param(IVAN, "RU", id="Russia"),
        pytest.param(ALMATY_MOBILE, "KZ", id="Kazakhstan in the same zone"),
        pytest.param(LONDON, "GB", id="Britain"),
        pytest.param("+16135550123", "CA", id="Canada"),
        pytest.param("+881612345678", None, id="a satellite belongs to none"),
        pytest.param("+80012345678", None, id="universal freephone"),
        pytest.param("anonymous", None, id="withheld"),
        pytest.param("112", None, id="short"),
    ],
)
def test_the_country_of_a_known_number(raw: str, country: str | None) -> None:
    assert read_caller(raw, "RU").country == country


def test_the_raw_spelling_is_kept_clean_and_bounded() -> None:
    sent = "\u202e8 (916)\x00 123-45-67\ud800\r\n"
    assert read_caller(sent, "RU").raw == "8 (916) 123-45-67"
    assert read_caller("x" * 5000, "RU").raw == "x" * 128
    assert read_caller(None, "RU") == Caller("withheld", None, "")


@pytest.mark.parametrize("region", ["", "ru", "XX", "001", "🇷🇺"])
def test_an_odd_region_still_reads_what_needs_none(region: str) -> None:
    assert read_caller(IVAN, region).number == IVAN


ODD = st.text() | st.text(alphabet=st.characters()) | st.text("+0123456789()-#,;:@<>sip%.x доб/*~")
REGIONS = st.sampled_from(["RU", "KZ", "DE", "GB", "US", "BY", "UA", "IT", "AR", "", "XX"])


@example(raw="310000001", region="RU", international=True)
@settings(deadline=None, max_examples=400)
@given(raw=ODD, region=REGIONS, international=st.booleans())
def test_nothing_raises_and_every_field_keeps_its_promise(
    *, raw: str, region: str, international: bool
) -> None:
    caller = read_caller(raw, region, internal={"101"}, international=international)
    assert len(caller.raw) <= 128
    caller.raw.encode()
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in caller.raw)
    match caller.kind:
        case "known":
            assert caller.number is not None
            assert is_dialable(caller.number)
            assert is_outside(caller.number)
            assert read_number(caller.number, "RU") == caller.number
        case "short" | "internal":
            assert caller.number is not None
            assert caller.number.isascii()
            assert caller.number.isdigit()
        case _:
            assert caller.number is None
            assert caller.country is None
    for each in (spelled(raw), pretty(raw), masked(raw), clean_text(raw)):
        assert isinstance(each, str)
    assert is_dialable(raw) in (True, False)


@settings(deadline=None, max_examples=200)
@given(raw=st.text(st.characters(categories=["Cs", "Cf", "Cc", "Nd", "Pd"])))
def test_surrogates_and_unseen_characters_never_raise(raw: str) -> None:
    read_caller(raw, "RU").raw.encode()
    masked(raw).encode()
    clean_text(raw).encode()
    spelled(raw).encode()


@settings(deadline=None, max_examples=200)
@given(
    area=st.sampled_from(["916", "495", "812", "343", "800", "999", "383"]),
    rest=st.integers(min_value=1_000_000, max_value=9_999_999),
)
def test_all_spellings_of_one_number_are_one_number(area: str, rest: int) -> None:
    number = f"{area}{rest}"
    a, b, c = str(rest)[:3], str(rest)[3:5], str(rest)[5:]
    spellings = [
        *(f"+7{number}", f"7{number}", f"8{number}", number, f"007{number}", f"8107{number}"),
        *(f"8 ({area}) {a}-{b}-{c}", f"sip:+7{number}@h", f"tel:+7-{area}-{a}-{b}-{c}"),
        *(f"+7{number}#101", f"8 {area} {a}-{b}-{c} доб. 5", pretty(f"+7{number}")),
    ]
    assert {read_number(spelling, "RU") for spelling in spellings} == {f"+7{number}"}


@settings(deadline=None, max_examples=200)
@given(
    prefix=st.sampled_from(["48", "380", "375", "44", "49", "90", "86", "1", "33", "998", "996"]),
    rest=st.integers(min_value=10**8, max_value=10**10 - 1),
)
def test_eleven_foreign_digits_without_plus_never_become_russian(prefix: str, rest: int) -> None:
    digits = f"{prefix}{rest}"
    number = read_number(digits, "RU") if len(digits) > 10 else None
    russian_trunk = digits.startswith("8") and len(digits) == 11
    assert number is None or russian_trunk or not number.startswith("+7")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("+7 (495) 123-00-01", "+74951230001", id="a number keeps its plus"),
        pytest.param("8 495 123-00-01", "84951230001", id="no region is known"),
        pytest.param("sip:+74951230001@pbx.example.com;user=phone", "+74951230001", id="sip"),
        pytest.param("tel:+7-495-123-00-01", "+74951230001", id="tel"),
        pytest.param("＋７４９５１２３０００１\u200e", "+74951230001", id="full-width, bidi"),
        pytest.param("trunk-msk", "trunk-msk", id="an alias keeps its dash"),
        pytest.param(" Trunk-MSK ", "trunk-msk", id="case and spaces"),
        pytest.param("sip:Trunk-MSK@10.0.0.1", "trunk-msk", id="an alias in an address"),
        pytest.param("Отдел продаж", "отделпродаж", id="a word of another alphabet"),
        pytest.param("101", "101", id="an inside dial"),
        pytest.param("", "", id="nothing"),
        pytest.param("a" * 500, "a" * 128, id="bounded"),
    ],
)
def test_a_line_is_looked_up_by_its_spelling(raw: str, expected: str) -> None:
    assert spelled(raw) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param("+79161234567", "+7 916 123-45-67", id="a Russian mobile"),
        pytest.param("+74951234567", "+7 495 123-45-67", id="Moscow"),
        pytest.param("+78001234567", "+7 800 123-45-67", id="free of charge"),
        pytest.param("+77011234567", "+7 701 123 4567", id="Kazakhstan"),
        pytest.param("+442071838750", "+44 20 7183 8750", id="Britain"),
        pytest.param("+4915112345678", "+49 1511 2345678", id="Germany"),
        pytest.param("101", "101", id="an inside dial"),
        pytest.param("89161234567", "89161234567", id="not E.164"),
        pytest.param("+79161234567\n", "+79161234567\n", id="a line break behind"),
        pytest.param("+99912345678", "+99912345678", id="a country that is none"),
        pytest.param("Tele2", "Tele2", id="a word"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_number_is_shown_as_people_write_it(number: str, expected: str) -> None:
    assert pretty(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param("+79161234567", "+7916***67", id="E.164"),
        pytest.param("89161234567", "8916***67", id="as typed"),
        pytest.param("8 (916) 123-45-67", "8916***67", id="with brackets"),
        pytest.param("+4512345678", "+4512***78", id="ten digits"),
        pytest.param("123456789", "***", id="nine digits"),
        pytest.param("101", "***", id="short"),
        pytest.param("Tele2", "***", id="a word"),
        pytest.param("sip:+79161234567@h", "***", id="an address"),
        pytest.param("call from +79161234567", "***", id="free text"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_logs_see_no_whole_number(number: str, expected: str) -> None:
    assert masked(number) == expected


@pytest.mark.parametrize(
    "dial",
    [
        *("101", "+79161234567", "8", "0" * 15, "+" + "1" * 15, "a", "anna", "Anna_1.x-y"),
        *("z" * 64, "client:anna", "client:" + "z" * 64, "sip:101@10.0.0.1"),
        *(
            "sips:a.b+c_d-e@pbx.example.com:5061",
            "sip:+79161234567@h",
            "sip:101@[2001:db8::1]:5060",
        ),
        "1" * 64,
    ],
)
def test_these_may_be_dialled(dial: str) -> None:
    assert is_dialable(dial)


@pytest.mark.parametrize(
    "dial",
    [
        *("", "+", " 101", "101 ", "101\n", "\n101", "101\x00", "+79161234567\n", "+1\r\n"),
        *("+" + "1" * 16, "z" * 65, "client:", "client:" + "z" * 65, "client:a b", "client:anna\n"),
        *("١٠١", "１０１", "101\u200b", "анна", "+7916123456٧", "sip:анна@h"),
        *("101&102", "PJSIP/101", "101,60,g", "101)", "${EXTEN}", "a;b", "a|b", "a=b", "101@h"),
        *("sip:101", "sip:@h", "sip:101@", "sip:101@h:", "sip:101@h:0", "sip:101@h:123456"),
        *("sip:101@h;transport=udp", "sip:101@h?x=1", "sip:101@h\n", "sip:a:b@h", "sip:101@-h"),
        *("SIP:101@h", "sip:" + "a" * 65 + "@h", "sip:101@h,60", "sip:101@[::1", "tel:101"),
        *("sip:101@" + "h" * 254, "Local/101@ctx", "*100#", "+7 916", "+7-916"),
    ],
)
def test_these_may_not_be_dialled(dial: str) -> None:
    assert not is_dialable(dial)


@pytest.mark.parametrize(
    ("dial", "expected"),
    [
        ("+79161234567", True),
        ("79161234567", False),
        ("101", False),
        ("sip:+7@h", False),
        ("", False),
    ],
)
def test_outside_is_what_begins_with_a_plus(*, dial: str, expected: bool) -> None:
    assert is_outside(dial) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Иван Петров", "Иван Петров", id="plain"),
        pytest.param('ООО "Ромашка" (опт)', "ООО Ромашка опт", id="quotes and brackets"),
        pytest.param("a,b;c=d&e|f", "a b c d e f", id="what a dialplan splits at"),
        pytest.param("${SHELL(rm -rf /)}", "SHELL rm -rf /", id="an Asterisk function"),
        pytest.param("a\r\nb\x00c\td", "a b c d", id="controls"),
        pytest.param("\u202eнавИ\u202c \u200bП", "навИ П", id="bidi and zero-width"),
        pytest.param("е\u0308ж", "ёж", id="NFC"),
        pytest.param("a\u037eb\u1fefc", "a b c", id="characters that NFC makes forbidden ones"),
        pytest.param("a\u2028b\u00a0c", "a b c", id="other spaces"),
        pytest.param("я" * 40, "я" * 32, id="64 bytes are 32 Cyrillic letters"),
        pytest.param("x" + "я" * 40, "x" + "я" * 31, id="cut at a character, not within"),
        pytest.param("x" * 63 + " y", "x" * 63, id="no space left at the end"),
        pytest.param("\ud800", "", id="a lone surrogate"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_free_text_for_a_pbx_is_clean(text: str, expected: str) -> None:
    assert clean_text(text) == expected


HOSTILE = (
    st.text(st.sampled_from("ab Я$\u037e\u1fef{}()[]<>|&;,=\"'\\`\r\n\x00\u202e\u0308é%+"))
    | st.text()
)


@settings(deadline=None, max_examples=200)
@given(text=HOSTILE, limit=st.integers(min_value=0, max_value=80))
def test_cleaned_text_survives_the_way_through_a_pbx(text: str, limit: int) -> None:
    clean = clean_text(text, limit)
    assert len(clean.encode()) <= limit
    assert not set(clean) & set("${}()[]<>|&;,=\"'\\`")
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in clean)
    assert clean == unicodedata.normalize("NFC", clean)
    assert clean_text(clean, limit) == clean
    # Asterisk: one form-encoded line; then its own splitting at commas and ampersands.
    line = urlencode({"decision": "connect", "name": clean, "s1_dial": "PJSIP/101"})
    fields = parse_qsl(line, keep_blank_values=True, strict_parsing=True)
    assert fields == [("decision", "connect"), ("name", clean), ("s1_dial", "PJSIP/101")]
    assert f"Dial(PJSIP/101,20,{clean})".split(",") == ["Dial(PJSIP/101", "20", clean + ")"]


def test_the_heavy_halves_of_phonenumbers_stay_out() -> None:
    code = (
        "import sys, callrouter.domain.phones as phones\n"
        "phones.pretty(phones.read_caller('8 916 123-45-67', 'RU').number)\n"
        "heavy = ('geocoder', 'carrier', 'timezone', 'geodata', 'carrierdata', 'tzdata')\n"
        "print([name for name in heavy if f'phonenumbers.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
