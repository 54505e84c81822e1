"""What would change: a line for each item that comes, goes or is another."""

from collections.abc import Iterator
from dataclasses import fields

from callrouter.domain.setup import Account, Setup, Webhook
from callrouter.setup_file.merging import identity
from callrouter.setup_file.names import LISTS, SECTIONS, label, toml_key
from callrouter.setup_file.writing import toml_value

_SHOWN = 60


def differences(old: Setup, new: Setup) -> tuple[str, ...]:
    """Say it for people: `+ manager anna`, `~ line +7495…: ladder "sales" → "vip"`, `- rule VIP`.

    Secrets are never shown. The order of items is told too: the first rule that matches wins.
    """
    return tuple(_differences(old, new))


def _differences(old: Setup, new: Setup) -> Iterator[str]:
    for section in SECTIONS:
        before, after = getattr(old, section), getattr(new, section)
        if section not in LISTS:
            if changed := "; ".join(_changed(before, after)):
                yield f"~ {section}: {changed}"
            continue
        was = {identity(section, item, old.company.region): item for item in before}
        now = {identity(section, item, new.company.region): item for item in after}
        yield from (
            f"+ {section} {label(section, item)}" for key, item in now.items() if key not in was
        )
        for key, item in now.items():
            if key in was and (changed := "; ".join(_changed(was[key], item))):
                yield f"~ {section} {label(section, item)}: {changed}"
        yield from (
            f"- {section} {label(section, item)}" for key, item in was.items() if key not in now
        )
        if [key for key in was if key in now] != [key for key in now if key in was]:
            names = ", ".join(label(section, item) for item in after)
            yield f"~ {section}: now in the order {names}"


def _changed(before: object, after: object) -> Iterator[str]:
    for one in fields(before):  # type: ignore[arg-type]
        was, now = getattr(before, one.name), getattr(after, one.name)
        if was == now:
            continue
        name = toml_key(one.name)
        if isinstance(before, Account | Webhook) and name == "secret":
            yield "secret changed"
            continue
        if name == "smtp":
            yield "smtp changed"
            continue
        shown = f"{name} {_shown(was)} → {_shown(now)}"
        yield shown if len(shown) <= 2 * _SHOWN else f"{name} changed"


def _shown(value: object) -> str:
    return "none" if value is None else toml_value(value)
