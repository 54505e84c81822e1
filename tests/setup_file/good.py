"""A small setup that is right, as text; each test changes the one thing that is its subject."""

from callrouter.domain.setup import Setup
from callrouter.setup_file import BadSetup, Problem, check, read_setup

GOOD = """
[company]
name = "Ромашка"
duty = "vera"

[routing]
tried_hours = 24

[[office]]
key = "msk"
time_zone = "Europe/Moscow"
hours = "Mo-Fr 09:00-18:00"

[[account]]
key = "main"
provider = "pbx"
secret = "env:PBX_SECRET"
default_line = "+74951230001"
dial_inside = "PJSIP/{dial}"

[[team]]
key = "sales"
head = "vera"

[[manager]]
key = "anna"
name = "Анна Смирнова"
team = "sales"
office = "msk"
dial = ["101", "+79160000001"]
shift = "Mo-Fr 09:00-18:00"
deputy = "vera"

[[manager]]
key = "vera"
name = "Вера Котова"
team = "sales"
dial = "103"

[[manager]]
key = "old"
name = "Олег Давний"
active = false

[[absence]]
manager = "anna"
from = 2026-03-02
to = 2026-03-15

[[ladder]]
key = "sales"
  [[ladder.step]]
  ring = "least_loaded"
  team = "sales"

[[ladder]]
key = "night"
  [[ladder.step]]
  say = "Перезвоним утром"

[[line]]
number = "+74951230001"
aliases = ["88001234567", "trunk-msk"]
name = "Сайт"
ladder = "sales"
last_resort = "+74950000000"

[[line]]
number = "+74951230002"
last_resort = "reception"

[[rule]]
name = "VIP"
ladder = "sales"
when = { field = "contact.tag", op = "has", value = "vip" }

[[pipeline]]
key = "sales"
statuses = [{ key = "new" }, { key = "won", closed = true }]

[[letter]]
key = "offer"
on_status = "new"

[[block]]
number = "+79990000000"
"""


def changed(old: str, new: str) -> str:
    """The good setup with one thing changed; `old` stands in it exactly once."""
    assert GOOD.count(old) == 1, f"{old!r} stands {GOOD.count(old)} times"
    return GOOD.replace(old, new)


def setup_of(text: str) -> Setup:
    """The setup of a text that is right."""
    setup = read_setup(text)
    assert check(setup) == ()
    return setup


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        return check(read_setup(text))
    except BadSetup as bad:
        return bad.problems


def assert_told(text: str, key: str, allowed: str) -> None:
    """A problem with this key is found, and its message says this."""
    found = {problem.key: problem.message for problem in problems_of(text)}
    assert key in found
    assert allowed in found[key]
