"""The companies that chaos comes over."""

from __future__ import annotations

from tests.running import LAST_RESORT, LINE, SECRET

LADDER = """
  [[ladder.step]]
  ring = "responsible"
  seconds = 20
  [[ladder.step]]
  ring = "least_loaded"
  count = 2
  seconds = 20
"""

ONE_STEP = """
  [[ladder.step]]
  ring = "responsible"
  seconds = 20
  [[ladder.step]]
  ring = "least_loaded"
  seconds = 20
"""


def company(managers: int = 20, *, ladder: str = LADDER, capacity: int = 20) -> str:
    """One account, one line, managers m01, m02 … with phones 101, 102 …, who own at first talk."""
    people = "".join(
        f'[[manager]]\nkey = "m{n:02}"\nname = "M{n:02}"\ndial = "{100 + n}"\n'
        f"capacity = {capacity}\n"
        for n in range(1, managers + 1)
    )
    return f"""
[company]
name = "Хаос"
duty = "m01"
[routing]
owner_min_talk_s = 0
[[account]]
key = "main"
secret = "{SECRET}"
default_line = "{LINE}"
{people}
[[ladder]]
key = "only"
{ladder}
[[line]]
number = "{LINE}"
account = "main"
ladder = "only"
last_resort = "{LAST_RESORT}"
"""
