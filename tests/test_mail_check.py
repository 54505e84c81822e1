"""`callrouter mail-check`: says whether letters can leave, and what is to be mended."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from callrouter.domain.mail_records import Key, Records, judge
from callrouter.wording import LANGUAGES, mail_check, speak
from tests.commands import COMPANY, alone_in, done, run
from tests.names import NameServer, Zone, naming
from tests.smtp import Sink, listening

SETUP = f"""{COMPANY}
[[manager]]
key = "boris"
name = "Борис Ильин"
email = "boris@romashka.example"
dial = "102"

[[line]]
number = "+74951230001"
account = "main"
last_resort = "+74950000000"

[letters]
sender = "sales@romashka.example"
"""


def key_of(bits: int) -> str:
    public = generate_private_key(65537, bits).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


GOOD: Zone = {
    ("romashka.example", "MX"): ["10 mx.romashka.example."],
    ("romashka.example", "TXT"): ["hello", "v=spf1 include:_spf.mail.example ~all"],
    ("_spf.mail.example", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"],
    ("mail._domainkey.romashka.example", "TXT"): [key_of(2048)],
    ("_dmarc.romashka.example", "TXT"): ["v=DMARC1; p=quarantine"],
}


@dataclass
class Desk:
    """A terminal in a folder with a setup, a mail server and a name server."""

    sink: Sink
    names: NameServer
    env: Callable[[str, str], None]

    async def check(self, *words: str, url: str | None = None) -> Result:
        self.env("CALLROUTER_SMTP_URL", self.sink.url() if url is None else url)
        dns = ("--dns", f"127.0.0.1:{self.names.port}")
        return await asyncio.to_thread(run, "mail-check", *dns, *words)

    def apply(self, text: str) -> None:
        Path("setup.toml").write_text(text, encoding="utf-8")
        done("apply", "setup.toml")


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    alone_in(tmp_path, monkeypatch)
    async with listening() as sink, naming(GOOD) as names:
        one = Desk(sink, names, monkeypatch.setenv)
        await asyncio.to_thread(one.apply, SETUP)
        yield one


async def test_where_everything_is_right_it_says_so_line_by_line(desk: Desk) -> None:
    found = await desk.check()
    assert found.exit_code == 0, found.output
    assert found.stdout.splitlines() == [
        f"✓ Сервер 127.0.0.1:{desk.sink.port} принимает письма без входа.",
        (
            "✓ Пробное письмо ушло на sales@romashka.example; ответ сервера: 250 2.0.0 taken as 42. "
            "Проверьте, что оно не лежит в спаме."
        ),
        "✓ MX: ответы на romashka.example приходят на mx.romashka.example.",
        (
            "✓ SPF: romashka.example называет, кто может слать от его имени: "
            "v=spf1 include:_spf.mail.example ~all"
        ),
        "✓ DKIM: ключ есть: mail._domainkey.romashka.example.",
        "✓ DMARC: _dmarc.romashka.example защищает ваше имя: v=DMARC1; p=quarantine",
        "",
        "Всё в порядке.",
    ]
    (taken,) = desk.sink.taken
    assert (taken.sender, taken.to) == ("sales@romashka.example", "sales@romashka.example")
    assert str(taken.message["Subject"]) == "callrouter: пробное письмо"


async def test_in_english_and_to_somebody_else(desk: Desk) -> None:
    found = await desk.check("--lang", "en", "--to", "me@example.com")
    assert found.exit_code == 0
    assert "✓ A test letter went to me@example.com; the server said: 250" in found.stdout
    assert found.stdout.endswith("\n\nEverything is right.\n")
    assert desk.sink.taken[0].to == "me@example.com"


@pytest.mark.parametrize(
    ("stage", "reply", "said"),
    [
        ("greeting", "554 go away", "cannot be reached: 554 go away."),
        ("mail", "553 not owned by user", "takes no letters from sales@romashka.example: 553 not"),
        ("rcpt", "550 no such user", "takes no letters for sales@romashka.example: 550 no such"),
        ("data", "554 no", "does not take the letter: 554 no."),
        ("dot", "554 looks like spam", "refused the letter itself: 554 looks like spam."),
    ],
)
async def test_where_letters_cannot_leave_it_says_at_what_and_ends_with_1(
    desk: Desk, stage: str, reply: str, said: str
) -> None:
    desk.sink.manners = {stage: [reply]}
    found = await desk.check("--lang", "en")
    assert found.exit_code == 1
    (bad,) = [line for line in found.stdout.splitlines() if line.startswith("✗")]
    assert said in bad
    assert "✓ SPF" in found.stdout
    assert found.stdout.endswith("\n\nLetters cannot be sent.\n")


async def test_a_wrong_password_is_said_without_showing_it(desk: Desk) -> None:
    desk.sink.users = {"sales@romashka.example": "right"}
    url = desk.sink.url("sales%40romashka.example:wr0ng", "?tls=off")
    found = await desk.check("--lang", "en", url=url)
    assert found.exit_code == 1
    assert "does not let sales@romashka.example in: 535" in found.stdout
    assert "wr0ng" not in found.output


async def test_a_domain_without_anything(desk: Desk) -> None:
    desk.names.zone = {}
    found = await desk.check("--lang", "en")
    assert found.exit_code == 0  # letters leave, though few are believed
    bad = [line.split(":")[0] for line in found.stdout.splitlines() if line.startswith("✗")]
    assert bad == ["✗ MX", "✗ SPF", "✗ DKIM", "✗ DMARC"]
    assert "4 things must be mended" in found.stdout


async def test_a_key_under_a_name_of_its_own(desk: Desk) -> None:
    zone = {**GOOD, ("our._domainkey.romashka.example", "TXT"): [key_of(1024)]}
    del zone["mail._domainkey.romashka.example", "TXT"]
    desk.names.zone = zone
    assert "✗ DKIM: no key" in (await desk.check("--lang", "en")).stdout
    found = await desk.check("--lang", "en", "--selector", "our")
    assert "! DKIM: the key at our._domainkey.romashka.example has 1024 bits" in found.stdout


async def test_the_domain_above_speaks_for_one_below(desk: Desk) -> None:
    text = SETUP.replace("sales@romashka.example", "sales@post.romashka.example")
    await asyncio.to_thread(desk.apply, text)
    found = await desk.check("--lang", "en")
    assert "✓ DMARC: _dmarc.romashka.example protects your name" in found.stdout


async def test_a_managers_own_mailbox(desk: Desk) -> None:
    desk.sink.users = {"boris@own.example": "pw"}
    own = desk.sink.url("boris%40own.example", "?tls=off")
    text = SETUP.replace(
        'dial = "102"', f'dial = "102"\nsmtp = {{ url = "{own}", password = "pw" }}'
    )
    await asyncio.to_thread(desk.apply, text)
    found = await desk.check("--lang", "en", "--manager", "boris", url="")
    assert found.exit_code == 0, found.output
    assert f"✓ Signed in to 127.0.0.1:{desk.sink.port} as boris@own.example." in found.stdout
    assert desk.sink.taken[0].sender == "boris@own.example"


@pytest.mark.parametrize(
    ("words", "url", "said"),
    [
        ((), "", "CALLROUTER_SMTP_URL is not set"),
        ((), "http://x", "CALLROUTER_SMTP_URL: allowed are smtp://"),
        (("--to", "nobody"), None, "--to: is not one mail address"),
        (("--manager", "zoe"), None, 'there is no manager "zoe"'),
        (("--manager", "boris"), None, "manager[boris].smtp is not set"),
    ],
)
async def test_what_cannot_be_tried_is_a_clear_line(
    desk: Desk, words: tuple[str, ...], url: str | None, said: str
) -> None:
    found = await desk.check(*words, url=url)
    assert found.exit_code == 1
    assert said in found.stderr
    assert not desk.sink.connections


@pytest.mark.parametrize("dns", ["nowhere", "1.2.3.4:x"])
def test_a_name_server_that_is_none(
    dns: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone_in(tmp_path, monkeypatch)
    found = run("mail-check", "--dns", dns)
    assert found.exit_code == 1
    assert "--dns" in found.stderr


# What records say

FINE = Records(
    "r.example",
    mx=("mx.r.example",),
    spf=("v=spf1 -all",),
    keys=(Key("mail", 2048),),
    dmarc=("v=DMARC1;p=reject",),
    dmarc_at="r.example",
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"mx": "good", "spf": "good", "dkim": "good", "dmarc": "good"}),
        ({"mx": ()}, {"no_mx": "bad"}),
        ({"spf": ()}, {"no_spf": "bad"}),
        ({"spf": ("v=spf1 -all", "v=spf1 ~all")}, {"many_spf": "bad"}),
        ({"spf": ("v=spf1 include:x +all",)}, {"spf_open": "bad"}),
        ({"spf": ("v=spf1 include:x all",)}, {"spf_open": "bad"}),
        ({"spf": ("v=spf1 include:x ?all",)}, {"spf_all": "mend"}),
        ({"spf": ("v=spf1 include:x",)}, {"spf_all": "mend"}),
        ({"spf": ("v=spf1 redirect=x",)}, {"spf": "good"}),
        ({"lookups": 11}, {"spf_long": "bad", "spf": "good"}),
        ({"lookups": 10}, {"spf": "good"}),
        ({"keys": ()}, {"no_dkim": "bad"}),
        ({"keys": (Key("a", 0), Key("b", None))}, {"dkim_gone": "mend", "dkim": "good"}),
        ({"keys": (Key("a", 512),)}, {"dkim_weak": "bad"}),
        ({"keys": (Key("a", 1024),)}, {"dkim_short": "mend"}),
        ({"dmarc": ()}, {"no_dmarc": "bad"}),
        ({"dmarc": ("v=DMARC1; p=none",)}, {"dmarc_none": "mend"}),
        ({"dmarc": ("v=DMARC1; rua=x",)}, {"dmarc_broken": "bad"}),
        ({"dmarc": ("v=DMARC1; p=none", "v=DMARC1; p=none")}, {"many_dmarc": "bad"}),
        ({"mx": None}, {"silent": "mend"}),
        ({"spf": None, "keys": None, "dmarc": None}, {"silent": "mend"}),
    ],
)
def test_what_records_say(changes: dict[str, object], expected: dict[str, str]) -> None:
    fields = {name: getattr(FINE, name) for name in FINE.__slots__}
    found = judge(Records(**{**fields, **changes}))
    assert expected.items() <= {one.code: one.grade for one in found}.items()
    for language in LANGUAGES:
        assert all(mail_check.finding_text(speak(language), one) for one in found)


async def test_look_ups_of_included_records_count_too(desk: Desk) -> None:
    many = " ".join(f"include:s{n}.example" for n in range(4))
    zone: Zone = {
        **GOOD,
        ("romashka.example", "TXT"): [f"v=spf1 {many} a mx ~all"],
        **{(f"s{n}.example", "TXT"): ["v=spf1 a:x.example mx -all"] for n in range(4)},
    }
    desk.names.zone = zone
    found = await desk.check("--lang", "en")
    assert "✗ SPF: the record of romashka.example needs 14 look-ups" in found.stdout


async def test_name_servers_that_do_not_answer_are_no_reason_not_to_send(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callrouter.outside.mail_records.TOTAL_S", 0.3)
    desk.names.silent = True
    found = await desk.check("--lang", "en")
    assert found.exit_code == 0
    for what in ("MX", "SPF", "DKIM", "DMARC"):
        assert f"! {what}: no name server answered about romashka.example." in found.stdout
