"""The company that is called: teams, each with a line of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.jobs import SECRET

SECRET_KEY = "bench-secret-key-of-32-characters"


@dataclass(frozen=True, slots=True)
class Company:
    """`teams`: their sizes. `ring_s`: how long a phone rings and so holds its manager."""

    teams: tuple[int, ...]
    ring_s: int = 20
    slack_s: int = 10

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(f"+7495{1_000_000 + n}" for n in range(len(self.teams)))

    def lines_of(self, size: int) -> tuple[str, ...]:
        """The lines of the teams of a size."""
        pairs = zip(self.lines, self.teams, strict=True)
        return tuple(line for line, team in pairs if team == size)

    def as_toml(self) -> str:
        """As setup.toml; a call rings two of its line's team, one after the other."""
        return "\n".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield '[company]\nname = "Bench"\nduty = "m0"\n'
        yield (
            f'[[account]]\nkey = "main"\nsecret = "{SECRET}"\n'
            f'default_line = "{self.lines[0]}"\nring_slack_s = {self.slack_s}\n'
        )
        made = 0
        for n, (size, line) in enumerate(zip(self.teams, self.lines, strict=True)):
            yield f'[[team]]\nkey = "t{n}"\n'
            for _ in range(size):
                yield (
                    f'[[manager]]\nkey = "m{made}"\nname = "Manager {made}"\n'
                    f'team = "t{n}"\ndial = "{10_000 + made}"\n'
                )
                made += 1
            yield (
                f'[[ladder]]\nkey = "l{n}"\n'
                f'[[ladder.step]]\nring = "responsible"\nseconds = {self.ring_s}\n'
                f'[[ladder.step]]\nring = "least_loaded"\nteam = "t{n}"\ncount = 2\n'
                f"seconds = {self.ring_s}\n"
            )
            yield (
                f'[[line]]\nnumber = "{line}"\nladder = "l{n}"\nlast_resort = "+74950000000"\n'
                'source = "site"\n'
            )


STORM = Company(teams=(8,) * 250, ring_s=1, slack_s=0)
"""For as many calls as there can be. A real company that had 2 000 calls a second would have people
for them: here 2 000 managers are free again after a second, so that nearly every call finds two and
writes every row that a call has."""

USUAL = Company(teams=(8,) * 60)
"""For a hundred calls a second, each of which is answered and ends."""
