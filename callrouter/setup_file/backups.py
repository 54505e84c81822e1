"""Whether backups can be made as a Setup says."""

import re
import shlex
from collections.abc import Iterator

from callrouter.domain.setup import Setup
from callrouter.setup_file.problems import Problem, between

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_PLACE = re.compile(r"file:///.+|s3://[A-Za-z0-9][A-Za-z0-9.-]*(/[^\s?#]*)?(\?[^\s#]*)?")


def check_backups(setup: Setup) -> Iterator[Problem]:
    backups = setup.backups
    if not _TIME.fullmatch(backups.at):
        yield Problem("backups.at", f'is "{backups.at}"; allowed: a time such as "03:15"')
    yield from between("backups.days", backups.days, 1, 366)
    yield from between("backups.weeks", backups.weeks, 0, 520)
    if backups.to is not None and not _is_place(backups.to):
        message = (
            f'is "{backups.to}"; allowed: "file:///DIR", "s3://BUCKET/PREFIX" and "run:COMMAND"'
        )
        yield Problem("backups.to", message)


def _is_place(text: str) -> bool:
    if not text.startswith("run:"):
        return bool(_PLACE.fullmatch(text))
    try:
        return bool(shlex.split(text.removeprefix("run:")))
    except ValueError:  # a quotation mark without its other half
        return False
