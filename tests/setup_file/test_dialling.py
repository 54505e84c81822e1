"""Accounts, lines and phones: what may be dialled, and what would go round in a circle."""

import pytest

from tests.setup_file.good import GOOD, assert_told, changed, problems_of, setup_of


def account(setting: str) -> str:
    return changed('dial_inside = "PJSIP/{dial}"', setting)


def line(setting: str) -> str:
    return changed('last_resort = "+74950000000"', f'last_resort = "+74950000000"\n{setting}')


def last_resort(dial: str) -> str:
    return changed('last_resort = "+74950000000"', f'last_resort = "{dial}"')


def another(dial: str, shift: str) -> str:
    """The good setup with one more manager."""
    return f'{GOOD}\n[[manager]]\nkey = "b"\nname = "Б"\n{dial}\noffice = "msk"\n{shift}\n'


ACCOUNTS = [
    pytest.param(
        changed('provider = "pbx"', 'provider = "pbxx"'),
        "account[main].provider", '"pbx"', id="an unknown provider",
    ),
    pytest.param(
        changed('secret = "env:PBX_SECRET"', ""),
        "account[main].secret", "env:PBX_SECRET", id="no secret",
    ),
    pytest.param(
        changed('secret = "env:PBX_SECRET"', 'secret = "short"'),
        "account[main].secret", "at least 12", id="a short secret",
    ),
    pytest.param(
        changed('"env:PBX_SECRET"', '["env:A", "env:B", "env:C"]'),
        "account[main].secret", "two while one is rotated", id="three secrets",
    ),
    pytest.param(
        changed("env:PBX_SECRET", "env:PBX SECRET"),
        "account[main].secret", "no variable", id="a variable that cannot be",
    ),
    pytest.param(
        changed("env:PBX_SECRET", "sealed:abcdefgh"),
        "account[main].secret", '"kept"', id="a secret out of the base",
    ),
    pytest.param(
        changed("env:PBX_SECRET", "kept"),
        "account[main].secret", "none to keep", id="nothing to keep",
    ),
    pytest.param(
        changed('default_line = "+74951230001"', ""),
        "account[main].default_line", "obligatory", id="no default line",
    ),
    pytest.param(
        changed('default_line = "+74951230001"', 'default_line = "84951230001"'),
        "account[main].default_line", 'did you mean "+74951230001"?', id="an unknown default line",
    ),
    pytest.param(
        account('dial_inside = "PJSIP/"'),
        "account[main].dial_inside", "{dial} once", id="a spelling without the dial",
    ),
    pytest.param(
        account('dial_outside = "PJSIP/{dial}&PJSIP/{dial}"'),
        "account[main].dial_outside", "{dial} once", id="a spelling with the dial twice",
    ),
    pytest.param(
        account('allowed_prefixes = ["7"]'),
        "account[main].allowed_prefixes", '"+7"', id="a prefix without plus",
    ),
    pytest.param(account("ring_slack_s = 61"), "account[main].ring_slack_s", "0 to 60", id="slack"),
    pytest.param(account("max_talk_s = 30"), "account[main].max_talk_s", "60 to 86400", id="talk"),
    pytest.param(
        account('recording_hosts = ["https://a.example"]'),
        "account[main].recording_hosts", "pbx.example.com:8443", id="an address for a host",
    ),
    pytest.param(
        account('recording_hosts = ["a.example"]\ncall_url = "http://a.example/call"'),
        "account[main].call_url", "allow_private", id="http without allow_private",
    ),
    pytest.param(
        account('recording_hosts = ["a.example"]\ncall_url = "https://u:p@a.example/call"'),
        "account[main].call_url", "without user", id="a password in an address",
    ),
    pytest.param(
        account('recording_hosts = ["a.example"]\ncall_url = "https://b.example/call"'),
        "account[main].call_url", '"a.example"', id="click-to-call at another host",
    ),
    pytest.param(
        account('base_url = "ftp://a.example"'),
        "account[main].base_url", "https://", id="another scheme",
    ),
    pytest.param(
        account('networks = ["203.0.113.7/24"]'),
        "account[main].networks", "203.0.113.0/24", id="a network with host bits",
    ),
    pytest.param(
        account('time_zone = "UTC+3"'),
        "account[main].time_zone", "IANA", id="a zone by offset",
    ),
]  # fmt: skip

LINES = [
    pytest.param(
        changed('last_resort = "+74950000000"', ""),
        "line[+74951230001].last_resort", "obligatory", id="no last resort",
    ),
    pytest.param(
        last_resort("8 495 000-00-00"),
        "line[+74951230001].last_resort", 'did you mean "+74950000000"?',
        id="a last resort with spaces",
    ),
    pytest.param(
        last_resort("+4930000000"),
        "line[+74951230001].last_resort", 'allowed: "+7"', id="a last resort abroad",
    ),
    *(
        pytest.param(
            last_resort(dial),
            "line[+74951230001].last_resort", "in a circle", id=f"own: {dial}",
        )
        for dial in (
            "+74951230001", "84951230002", "8 (495) 123-00-02", "0074951230002", "74951230001",
            "+78001234567", "88001234567", "Trunk-MSK", "sip:trunk-msk@pbx.example.com",
            "sip:+74951230002@10.0.0.1:5060", "tel:+7-495-123-00-01",
        )
    ),
    pytest.param(
        GOOD + '[[line]]\nnumber = "84951230001"\nlast_resort = "101"',
        "line[84951230001].number", "also line[+74951230001]", id="a number in another spelling",
    ),
    pytest.param(
        GOOD + '[[line]]\nnumber = "+74951230003"\naliases = ["Trunk-MSK"]\nlast_resort = "101"',
        "line[+74951230003].aliases", "also line[+74951230001]", id="an alias of two lines",
    ),
    pytest.param(
        line('number = "x"').replace('number = "+74951230001"\n', "", 1).replace('"x"', '"Сайт!"'),
        "line[Сайт!].number", "cannot be dialled", id="a number nobody can dial",
    ),
    pytest.param(line('account = "mian"'), "line[+74951230001].account", '"main"', id="account"),
    pytest.param(
        changed('name = "Сайт"\nladder = "sales"', 'ladder = "salse"'),
        "line[+74951230001].ladder", 'did you mean "sales"?', id="ladder",
    ),
    pytest.param(line('closed = "x"'), "line[+74951230001].closed", '"night"', id="closed ladder"),
    pytest.param(line('hours = "9-18"'), "line[+74951230001].hours", "Mo-Fr", id="line hours"),
    pytest.param(line('pipeline = "x"'), "line[+74951230001].pipeline", '"sales"', id="pipeline"),
    pytest.param(line('office = "x"'), "line[+74951230001].office", '"msk"', id="line's office"),
    pytest.param(line('region = "XX"'), "line[+74951230001].region", '"KZ"', id="line's region"),
    pytest.param(line("record_days = -1"), "line[+74951230001].record_days", "0 to", id="days"),
]  # fmt: skip

DIALS = [
    pytest.param(
        changed('dial = "103"', 'dial = "8 (916) 000-00-02"'),
        "manager[vera].dial", 'did you mean "+79160000002"?', id="a dial with spaces",
    ),
    pytest.param(
        changed('dial = "103"', 'dial = "+4915112345678"'),
        "manager[vera].dial", 'allowed: "+7"', id="a dial abroad",
    ),
    pytest.param(
        changed('dial = "103"', 'dial = "+74951230002"'),
        "manager[vera].dial", "in a circle", id="a dial that is our own line",
    ),
    pytest.param(
        changed('dial = "103"', 'dial = { mian = "103" }'),
        "manager[vera].dial", 'did you mean "main"?', id="a dial at an unknown account",
    ),
    pytest.param(
        changed('dial = "103"', 'dial = "101"'),
        "manager[vera].dial", "shifts that never meet",
        id="a shared dial, one of them always at work",
    ),
    pytest.param(
        another('dial = "89160000001"', 'shift = "Sa 10:00-18:00; Fr 17:45-19:00"'),
        "manager[b].dial", "shifts that never meet", id="a shared dial, shifts meet for 15 minutes",
    ),
    pytest.param(
        another('dial = "101"', 'shift = "Mo 06:00-09:00; PH 10:00-12:00"'),
        "manager[b].dial", "shifts that never meet", id="a shared dial, shifts meet on holidays",
    ),
]  # fmt: skip
MISTAKES = [*ACCOUNTS, *LINES, *DIALS]


@pytest.mark.parametrize(("text", "key", "allowed"), MISTAKES)
def test_a_mistake_is_told_by_its_key_and_by_what_is_allowed(
    text: str, key: str, allowed: str
) -> None:
    assert_told(text, key, allowed)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            another('dial = "101"', 'shift = "Mo-Fr 18:00-09:00"'), id="one's night, other's day"
        ),
        pytest.param(another('dial = "101"', 'shift = "Sa-Su"'), id="a week and its end"),
        pytest.param(
            another('dial = "101"', 'shift = "Mo-Fr 18:00-20:00; PH 10:00-12:00"').replace(
                'shift = "Mo-Fr 09:00-18:00"', 'shift = "Mo-Fr 09:00-18:00; PH off"'
            ),
            id="the hours of one, but on the other's holidays",
        ),
        pytest.param(another('dial = "101"', "active = false"), id="one who is gone"),
        pytest.param(
            changed('dial = "103"', 'dial = { main = ["103", "client:anna.s", "sip:v@pbx:5060"] }'),
            id="a client and a SIP phone",
        ),
        pytest.param(
            account('allowed_prefixes = ["+7", "+49"]').replace('"103"', '"+4915112345678"'),
            id="abroad where that is allowed",
        ),
        pytest.param(
            account(
                'recording_hosts = ["10.0.0.5:8088"]\nallow_private = true\n'
                'call_url = "http://10.0.0.5:8088/call?x=1"'
            ),
            id="a private host where that is allowed",
        ),
        pytest.param(account('dial_outside = "Local/{dial}@out/n"'), id="a dialplan's spelling"),
        pytest.param(
            changed('"env:PBX_SECRET"', '["env:A", "a literal secret"]'), id="two secrets"
        ),
        pytest.param(last_resort("sip:night@pbx.example.com"), id="a last resort by SIP"),
        pytest.param(last_resort("101"), id="a manager's phone as the last resort"),
        pytest.param(
            changed('default_line = "+74951230001"', 'default_line = "Trunk-msk"'),
            id="an alias as the default line",
        ),
    ],
)
def test_what_may_be_dialled_is_let_pass(text: str) -> None:
    assert problems_of(text) == ()


GERMANY = """
[[account]]
key = "de"
secret = "env:DE"
default_line = "+74951230001"
allowed_prefixes = ["+49", "+7"]
"""


def test_a_line_of_no_account_is_reached_through_every_one() -> None:
    abroad = changed('last_resort = "reception"', 'last_resort = "+4915112345678"')
    (told,) = problems_of(abroad + GERMANY)
    assert told.key == "line[+74951230002].last_resort"
    assert "account[main].allowed_prefixes" in told.message
    of_germany = abroad.replace('last_resort = "+49', 'account = "de"\nlast_resort = "+49')
    assert problems_of(of_germany + GERMANY) == ()


EVENING = """
[[office]]
key = "ekb"
time_zone = "Asia/Yekaterinburg"

[[manager]]
key = "b"
name = "Б"
office = "ekb"
dial = "101"
"""


def test_shifts_are_compared_in_their_own_zones() -> None:
    together = problems_of(f'{GOOD}{EVENING}shift = "Mo-Fr 18:00-20:15"')
    assert [problem.key for problem in together] == ["manager[b].dial"]
    assert problems_of(f'{GOOD}{EVENING}shift = "Mo-Fr 20:00-22:00"') == ()


def test_an_absent_prefix_list_is_the_companys_country() -> None:
    german = changed('duty = "vera"', 'duty = "vera"\nregion = "DE"')
    assert setup_of(GOOD).accounts["main"].allowed_prefixes == ("+7",)
    assert {one.key for one in problems_of(german)} == {
        "manager[anna].dial",
        "line[+74951230001].last_resort",
    }
