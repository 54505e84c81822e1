"""What is allowed in a Setup but probably not meant."""

from collections.abc import Iterator

from callrouter.domain.phones import clean_text
from callrouter.domain.setup import Account, Ladder, Setup, Step
from callrouter.setup_file.coverage import unanswered
from callrouter.setup_file.dialling import accounts_of
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import Problem, quoted
from webhooks.providers import PROVIDERS

_SEALED = ("env:", "sealed:")


def warnings(setup: Setup) -> tuple[Problem, ...]:
    """What an admin should hear of, though nothing is forbidden. Takes what `check` let pass."""
    return tuple(_warnings(setup))


def _warnings(setup: Setup) -> Iterator[Problem]:
    for account in setup.account:
        if not all(secret.startswith(_SEALED) for secret in account.secrets):
            message = 'stands in the file as it is; better: "env:NAME", and the file may be shown'
            yield Problem(f"{item_name('account', account)}.secret", message)
        yield from _out_of_reach(setup, account)
    for webhook in setup.webhook:
        if not all(secret.startswith(_SEALED) for secret in webhook.secrets):
            message = 'stands in the file as it is; better: "env:NAME", and the file may be shown'
            yield Problem(f"{item_name('webhook', webhook)}.secret", message)
    for team in setup.team:
        yield from _gone(setup, f"{item_name('team', team)}.head", team.head)
    for manager in setup.active:
        at = item_name("manager", manager)
        if not any(manager.all_dials) and manager.role in ("manager", "head"):
            yield Problem(f"{at}.dial", "is missing: he can never be rung")
        yield from _gone(setup, f"{at}.deputy", manager.deputy)
    for ladder in setup.ladder:
        yield from ladder_remarks(setup, ladder)
    yield from _cannot_wait(setup)
    for line in setup.line:
        at = item_name("line", line)
        if line.closed and line.hours is None:
            yield Problem(
                f"{at}.closed", "is never used: the line has no hours, so it never closes"
            )
        if line.recording and line.notice == "none":
            message = 'is "none" though talks are recorded: nobody tells the caller; '
            yield Problem(f"{at}.notice", f'{message}allowed too: "pbx", "manager"')
        if when := unanswered(setup, line):
            message = f"nobody on shift and no message {when}: calls go to the last resort"
            yield Problem(at, f"«{line.name or line.number}»: {message}")


def _out_of_reach(setup: Setup, account: Account) -> Iterator[Problem]:
    """Managers of whose phones this account could ring none."""
    able = PROVIDERS[account.provider](account, ()).able
    silent = [
        manager.key
        for manager in setup.active
        if (dials := manager.dials(account.key)) and not any(map(able.rings, dials))
    ]
    if silent:
        message = f"{account.provider} can ring no phone of {quoted(silent)}: they are passed over"
        yield Problem(item_name("account", account), message)


def _cannot_wait(setup: Setup) -> Iterator[Problem]:
    """Waiting needs a PBX that holds the caller and asks again. Said of the step that waits."""
    by_rule = {rule.ladder for rule in setup.rule}
    for ladder in setup.ladder:
        waiting = [n for n, step in enumerate(ladder.step, start=1) if step.busy == "wait"]
        if not waiting:
            continue
        lines = [one for one in setup.line if ladder.key in {one.ladder, one.closed, *by_rule}]
        accounts = {one.key: one for line in lines for one in accounts_of(setup, line)}
        for account in accounts.values():
            if PROVIDERS[account.provider](account, ()).able.wait:
                continue
            for n in waiting:
                message = f'«{account.key}» cannot hold callers: "wait" is "ring"'
                yield Problem(f"{item_name('ladder', ladder)}.step[{n}].busy", message)


def ladder_remarks(setup: Setup, ladder: Ladder) -> Iterator[Problem]:
    """What is probably not meant in one ladder."""
    for n, step in enumerate(ladder.step, start=1):
        at = f"{item_name('ladder', ladder)}.step[{n}]"
        for key in step.managers:
            yield from _gone(setup, f"{at}.managers", key)
        if step.ring is None:
            yield from _said(step, f"{at}.say")
            continue
        if step.skill and not any(step.skill in manager.skills for manager in setup.active):
            yield Problem(f"{at}.skill", f'nobody has the skill "{step.skill}"')
        unused = {"responsible": ("team", "office", "managers"), "manager": ("team", "office")}
        ignored = [key for key in unused.get(step.ring, ()) if getattr(step, key)]
        if ignored:
            yield Problem(at, f'ring = "{step.ring}" takes no notice of {quoted(ignored)}')


def _said(step: Step, key: str) -> Iterator[Problem]:
    text = step.say or ""
    if (heard := clean_text(text)) != clean_text(text, limit=10_000):
        yield Problem(key, f'a PBX takes 64 bytes of it, about 32 Russian letters: "{heard}"')


def _gone(setup: Setup, key: str, manager: str | None) -> Iterator[Problem]:
    if manager is not None and manager in setup.managers and not setup.managers[manager].active:
        yield Problem(key, f'"{manager}" is not active')
