"""People who sign in: how they come to an account, in by it, and how it is taken from them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, Literal, get_args

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Connection

from callrouter.domain.setup import Role
from callrouter.flows.visits import open_visit
from storage import attempts, audit, users, visits
from storage.attempts import key_of
from storage.ids import new_id
from storage.tokens import digest_of
from storage.users import User

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from storage.visits import Visit

INVITE_LIFE: Final = timedelta(days=7)
LONGEST_NAME: Final = 200
CODES: Final = 10

_BYTES: Final = 32

Field = Literal["name", "email", "manager", "role", "user"]


class BadUser(Exception):
    """What cannot be done with a user. `field`: where it was asked for; `code`: what is wrong.

    Codes: empty, long, not_email, taken, unknown (no such user, manager or role), not_admin (that
    manager is none), last_admin (nobody could administer), no_password (has not come in yet).
    """

    def __init__(self, field: Field, code: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field = field
        self.code = code


@dataclass(frozen=True, slots=True)
class Whence:
    """Where a request comes from."""

    address: str | None = None
    agent: str | None = None


# Tries: counted before a password is looked at, so that a thousand at once are a thousand


FREE: Final[Mapping[str, int]] = {"account": 5, "pair": 5, "address": 20, "outside": 20}
LONGEST_WAIT_S: Final[Mapping[str, int]] = {
    "account": 300,
    "pair": 300,
    "address": 900,
    "outside": 900,
}
FAILED_LIFE: Final = timedelta(hours=24)
KNOWN_LIFE: Final = timedelta(days=90)
_KNOWN_MOST: Final = 30  # 2 to the power of which no wait is longer


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: again in so many seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Try:
    """A try that counts as failed until `sign_in`. `user` None: nobody has this e-mail."""

    user: User | None


def begin_try(conn: Connection, email: str, whence: Whence, *, now: datetime) -> Try | Wait:
    """Count a try to sign in, or say how long to wait.

    After some free ones each failure doubles the wait, per account and per address (a /64 of
    IPv6). From where somebody has signed in before only his own tries from there count: however
    hard strangers try his account, he is let in.
    """
    attempts.forget_old(conn, failed_before=now - FAILED_LIFE, known_before=now - KNOWN_LIFE)
    keys, found = _counted(conn, email, whence)
    waits = [_wait_s(kind, found[key], now) for kind, key in keys.items() if key in found]
    if waits and max(waits) > 0:
        return Wait(max(waits))
    counted = {key: found[key].tries + 1 if key in found else 1 for key in keys.values()}
    attempts.put(conn, counted, now)
    user = users.by_email(conn, email)
    return Try(user if user and user.locked_at is None else None)


def password_was_right(conn: Connection, email: str, whence: Whence, *, now: datetime) -> None:
    """A code is asked for next: this try did not fail, but those before it still count."""
    keys, found = _counted(conn, email, whence)
    counted = {key: found[key].tries - 1 for key in keys.values() if key in found}
    attempts.put(conn, {key: tries for key, tries in counted.items() if tries >= 0}, now)


def _counted(
    conn: Connection, email: str, whence: Whence
) -> tuple[dict[str, str], dict[str, attempts.Count]]:
    """What a try counts for, by kind, and how it stands."""
    keys = _keys(email, whence)
    known = keys.pop("known")
    found = attempts.counts(conn, [*keys.values(), known])
    for kind in ("account", "address") if known in found else ("pair",):
        del keys[kind]
    return keys, found


def _keys(email: str, whence: Whence) -> dict[str, str]:
    account, network = users.fold(email), network_of(whence.address)
    return {
        "account": key_of("account", account),
        "address": key_of("address", network),
        "pair": key_of("pair", account, network),
        "known": key_of("known", account, network),
    }


def network_of(address: str | None) -> str:
    """What is counted as one address: of IPv6 the /64, which one house has."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)


def _wait_s(kind: str, count: attempts.Count, now: datetime) -> int:
    over = count.tries - FREE[kind]
    if over < 0:
        return 0
    wait = min(2 ** min(over, _KNOWN_MOST), LONGEST_WAIT_S[kind])
    return -(-(count.last_at + timedelta(seconds=wait) - now) // timedelta(seconds=1))


def begin_outside_try(conn: Connection, whence: Whence, *, now: datetime) -> Wait | None:
    """Count that somebody comes back from another service, or say how long to wait.

    Of whom is not known yet, so it counts for his address; apart from passwords, for here nothing
    is guessed.
    """
    attempts.forget_old(conn, failed_before=now - FAILED_LIFE, known_before=now - KNOWN_LIFE)
    key = _outside(whence)
    found = attempts.counts(conn, [key])
    if key in found and (wait := _wait_s("outside", found[key], now)) > 0:
        return Wait(wait)
    attempts.put(conn, {key: found[key].tries + 1 if key in found else 1}, now)
    return None


def outside_was_silent(conn: Connection, whence: Whence, *, now: datetime) -> None:
    """The other service did not answer: whoever came back from it did nothing wrong."""
    key = _outside(whence)
    found = attempts.counts(conn, [key])
    if key in found and found[key].tries > 1:
        attempts.put(conn, {key: found[key].tries - 1}, now)
    else:
        attempts.forget(conn, [key])


def _outside(whence: Whence) -> str:
    return key_of("outside", network_of(whence.address))


def enter_outside(
    conn: Connection,
    issuer: str,
    subject: str,
    email: str | None,
    whence: Whence,
    *,
    now: datetime,
) -> tuple[User, str] | None:
    """Let in whom another service vouches for; gives him and the cookie's value.

    `subject`: by which he is known there, beginning with its `issuer`. The first time he is found
    by an e-mail that it has verified; who has another subject there by then is not he, one of an
    issuer before it counts no more. None: nobody is let in.
    """
    user = users.by_subject(conn, subject)
    found = users.by_email(conn, email) if user is None and email else None
    known_there = found is not None and (found.subject or "").startswith(issuer)
    if user is None and found is not None and not known_there and found.locked_at is None:
        users.change(conn, found.id, subject=subject)
        _audit(conn, "connected_account", found, by_of(found), now, whence)
        user = found
    if user is None or user.locked_at is not None:
        try_failed(conn, user or found, "oidc", whence, now=now)
        return None
    attempts.forget(conn, [_outside(whence)])  # of an office somebody fails every week
    cookie = sign_in(conn, user.id, "oidc", whence, now=now)
    return (user, cookie) if cookie else None


def try_failed(
    conn: Connection, user: User | None, what: str, whence: Whence, *, now: datetime
) -> None:
    """Keep for the audit that it was tried; an e-mail that nobody has is not kept."""
    actor = f"user:{user.id}" if user else "nobody"
    data = {"what": what}
    audit.append(
        conn, at=now, actor=actor, action="sign_in_failed", data=data, address=whence.address
    )


def try_was_right(conn: Connection, user: User, whence: Whence) -> None:
    """The password was right: what failed before is forgotten."""
    _forget_tries(conn, _keys(user.email, whence))


def _forget_tries(conn: Connection, keys: Mapping[str, str]) -> None:
    # Those of the address stay: whoever owns one account may not clear the way to others.
    attempts.forget(conn, [keys["account"], keys["pair"]])


def sign_in(
    conn: Connection,
    id_: str,
    how: str,
    whence: Whence,
    *,
    now: datetime,
    password: str | None = None,
) -> str | None:
    """Let a user in; gives the cookie's value. `password`: hashed anew, with today's settings.

    None: he was locked out meanwhile.
    """
    user = users.find(conn, id_)
    if user is None or user.locked_at is not None:
        return None
    keys = _keys(user.email, whence)
    _forget_tries(conn, keys)
    attempts.put(conn, {keys["known"]: 0}, now)
    if password is not None:
        users.change(conn, id_, password=password)
    data = {"by": how}
    audit.append(
        conn, at=now, actor=by_of(user), action="signed_in", data=data, address=whence.address
    )
    return _open(conn, user, whence, now)


def _open(conn: Connection, user: User, whence: Whence, now: datetime) -> str:
    return open_visit(
        conn,
        user.role or "manager",
        now=now,
        manager=user.manager,
        user=user.id,
        address=whence.address,
        agent=whence.agent,
    )


def by_of(user: User) -> str:
    """How the base names what he does."""
    return f"manager:{user.manager}"[:64] if user.manager else f"user:{user.id}"


# Accounts


def role_of(user: User, setup: Setup) -> Role | None:
    """What he may do now; None: nothing, he is somebody whom Setup does not have any more."""
    if user.manager is None:
        return user.role
    manager = setup.managers.get(user.manager)
    return manager.role if manager and manager.active else None


def can_administer(user: User, setup: Setup) -> bool:
    comes_in = user.password is not None or user.subject is not None
    return comes_in and user.locked_at is None and role_of(user, setup) == "admin"


def has_admin(conn: Connection, setup: Setup) -> bool:
    return any(can_administer(one, setup) for one in users.everybody(conn))


def make_admin(
    conn: Connection,
    name: str,
    email: str,
    manager: str | None,
    password: str,
    setup: Setup,
    whence: Whence,
    *,
    by: str,
    now: datetime,
) -> str:
    """Make an admin's account and let him in; gives the cookie's value. Raises BadUser.

    `manager`: an admin of Setup; `password`: hashed. Only while nobody can administer: whoever
    comes second is told `taken`.
    """
    if has_admin(conn, setup):
        raise BadUser("user", "taken")
    if manager is not None:
        found = setup.managers.get(manager)
        if found is None or not found.active or found.role != "admin":
            raise BadUser("manager", "not_admin")
    user = _new(conn, name, email, manager, "admin", setup, by=by, now=now)
    users.change(conn, user.id, password=password)
    _audit(conn, "made_user", user, by, now, whence, {"role": "admin"})
    return _open(conn, user, whence, now)


def add_user(
    conn: Connection,
    name: str,
    email: str,
    role: str,
    manager: str | None,
    setup: Setup,
    *,
    by: str,
    now: datetime,
    whence: Whence = Whence(),
) -> tuple[User, str]:
    """Invite somebody: his account without a password, and the token of his link. Raises BadUser.

    `manager`: who he is in Setup; then name and role are what Setup says.
    """
    user = _new(conn, name, email, manager, role, setup, by=by, now=now)
    _audit(conn, "invited", user, by, now, whence, {"role": role_of(user, setup)})
    return user, _link(conn, user, "invite", now)


def _new(
    conn: Connection,
    name: str,
    email: str,
    manager: str | None,
    role: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> User:
    if manager is not None:
        found = setup.managers.get(manager)
        if found is None or not found.active:
            raise BadUser("manager", "unknown")
        if users.of_manager(conn, manager):
            raise BadUser("manager", "taken")
        name = found.name
    elif role not in get_args(Role):
        raise BadUser("role", "unknown")
    user = User(
        id=new_id(now),
        email=_email(conn, email),
        name=_name(name),
        manager=manager,
        role=None if manager else _role(role),
        created_at=now,
        by=by,
    )
    users.add(conn, user)
    return user


def _role(text: str) -> Role:
    found: Role | None = next((one for one in get_args(Role) if one == text), None)
    if found is None:
        raise BadUser("role", "unknown")
    return found


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or not name.isprintable():
        raise BadUser("name", "empty")
    if len(name) > LONGEST_NAME:
        raise BadUser("name", "long")
    return name


def _email(conn: Connection, text: str, own: str | None = None) -> str:
    email = users.fold(text)
    try:
        validate_email(email, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise BadUser("email", "not_email" if email else "empty") from None
    there = users.by_email(conn, email)
    if there and there.id != own:
        raise BadUser("email", "taken")
    return email


def _link(conn: Connection, user: User, kind: Literal["invite", "reset"], now: datetime) -> str:
    """A new link; those before it open nothing any more."""
    visits.forget_expired(conn, now=now)
    visits.forget_links(conn, user.id)
    token, until = secrets.token_urlsafe(_BYTES), now + INVITE_LIFE
    role = user.role or "manager"
    visits.keep(conn, digest_of(token), kind, role, now=now, until=until, user=user.id)
    return token


def new_password_link(
    conn: Connection,
    id_: str,
    *,
    by: str,
    now: datetime,
    whence: Whence = Whence(),
) -> tuple[User, str]:
    """A link by which he chooses a password; what he is in by stays. Raises BadUser."""
    user = _known(conn, id_)
    kind: Literal["invite", "reset"] = "invite" if user.password is None else "reset"
    _audit(conn, "invited" if kind == "invite" else "offered_password", user, by, now, whence)
    return user, _link(conn, user, kind, now)


def find_invited(conn: Connection, token: str, *, now: datetime) -> User | None:
    """Whom a link invites, without using it up."""
    link = visits.find_link(conn, digest_of(token), now=now, kinds=("invite", "reset"))
    return _of_link(conn, link)


def accept(
    conn: Connection, token: str, password: str, whence: Whence, *, now: datetime
) -> tuple[User, str | None] | None:
    """Take the password (hashed) of whom a link invites, and let him in; None: it opens nothing.

    Gives the cookie's value; None: he has a TOTP, and signs in with it. His other visits end.
    """
    link = visits.use_link(conn, digest_of(token), now=now, kinds=("invite", "reset"))
    user = _of_link(conn, link)
    if user is None:
        return None
    users.change(conn, user.id, password=password)
    visits.end_all(conn, user.id)
    visits.forget_links(conn, user.id)
    _audit(conn, "chose_password", user, by_of(user), now, whence)
    if user.asks_for_code:
        return user, None
    return user, sign_in(conn, user.id, "link", whence, now=now)


def _of_link(conn: Connection, link: Visit | None) -> User | None:
    user = users.find(conn, link.user) if link and link.user else None
    return user if user and user.locked_at is None else None


def lock(
    conn: Connection,
    id_: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
    whence: Whence = Whence(),
) -> None:
    """Lock a user out at once, wherever he is in. Raises BadUser for the last admin."""
    user = _known(conn, id_)
    if user.locked_at is not None:
        return
    _leave_an_admin(conn, user, setup)
    users.change(conn, id_, locked_at=now)
    visits.end_all(conn, id_)
    visits.forget_links(conn, id_)
    _audit(conn, "locked_out", user, by, now, whence)


def unlock(
    conn: Connection,
    id_: str,
    *,
    by: str,
    now: datetime,
    whence: Whence = Whence(),
) -> None:
    """Let a user sign in again. Raises BadUser."""
    user = _known(conn, id_)
    if user.locked_at is not None:
        users.change(conn, id_, locked_at=None)
        _audit(conn, "let_in_again", user, by, now, whence)


def give_role(
    conn: Connection,
    id_: str,
    role: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
    whence: Whence = Whence(),
) -> None:
    """Give another role to a user who is nobody in Setup. Raises BadUser."""
    user, wanted = _known(conn, id_), _role(role)
    if user.manager is not None:
        raise BadUser("role", "of_setup")
    if user.role == wanted:
        return
    if wanted != "admin":
        _leave_an_admin(conn, user, setup)
    users.change(conn, id_, role=wanted)
    _audit(conn, "gave_role", user, by, now, whence, {"role": wanted, "before": user.role})


def _leave_an_admin(conn: Connection, user: User, setup: Setup) -> None:
    if not can_administer(user, setup):
        return
    others = (one for one in users.everybody(conn) if one.id != user.id)
    if not any(can_administer(one, setup) for one in others):
        raise BadUser("user", "last_admin")


def _known(conn: Connection, id_: str) -> User:
    user = users.find(conn, id_)
    if user is None:
        raise BadUser("user", "unknown")
    return user


def _audit(
    conn: Connection,
    action: str,
    user: User,
    by: str,
    now: datetime,
    whence: Whence,
    data: Mapping[str, str | int | None] | None = None,
) -> None:
    audit.append(
        conn,
        at=now,
        actor=by,
        action=action,
        object=f"user:{user.id}",
        data=data or {},
        address=whence.address,
    )


# What a user changes of himself


def change_own(
    conn: Connection, id_: str, name: str, email: str, *, by: str, now: datetime, whence: Whence
) -> User:
    """Change name and e-mail; the name of a manager is Setup's. Raises BadUser."""
    user = _known(conn, id_)
    said = user.name if user.manager else _name(name)
    mail = _email(conn, email, own=id_)
    if (said, mail) != (user.name, user.email):
        users.change(conn, id_, name=said, email=mail)
        changed = "email" if mail != user.email else "name"
        _audit(conn, "changed_account", user, by, now, whence, {"what": changed})
    return _known(conn, id_)


def change_password(
    conn: Connection, id_: str, password: str, own: str, *, by: str, now: datetime, whence: Whence
) -> None:
    """Take a new password (hashed); all visits but `own` end."""
    user = _known(conn, id_)
    users.change(conn, id_, password=password)
    visits.end_all(conn, id_, but=own)
    visits.forget_links(conn, id_)
    _audit(conn, "changed_password", user, by, now, whence)


# The second step: a code of the moment, or one of those kept for when the telephone is lost


def begin_totp(conn: Connection, id_: str, sealed: str) -> None:
    """Keep a secret that nobody is asked for yet. Whoever has one keeps it. Raises BadUser."""
    if _known(conn, id_).asks_for_code:
        raise BadUser("user", "taken")
    users.change(conn, id_, totp=sealed, totp_step=None, recovery=None)


def turn_totp_on(
    conn: Connection, id_: str, step: int, *, by: str, now: datetime, whence: Whence
) -> tuple[str, ...]:
    """Ask for codes from now on; gives ten for when the telephone is lost, kept as digests only."""
    user = _known(conn, id_)
    if user.totp is None or user.asks_for_code:
        raise BadUser("user", "taken")
    codes = tuple(_recovery_code() for _ in range(CODES))
    digests = " ".join(_digest(id_, one) for one in codes)
    users.change(conn, id_, totp_step=step, recovery=digests)
    _audit(conn, "turned_totp_on", user, by, now, whence)
    return codes


def turn_totp_off(
    conn: Connection,
    id_: str,
    *,
    by: str,
    now: datetime,
    whence: Whence = Whence(),
) -> None:
    user = _known(conn, id_)
    users.change(conn, id_, totp=None, totp_step=None, recovery=None)
    if user.asks_for_code:
        _audit(conn, "turned_totp_off", user, by, now, whence)


def use_code(conn: Connection, id_: str, code: str, step: int | None) -> bool:
    """Use up a TOTP's step (None: it was no right one), or a code of those kept; once each."""
    user = _known(conn, id_)
    if step is not None:
        return users.use_step(conn, id_, step)
    digest = _digest(id_, _plain(code))
    if digest not in user.recovery:
        return False
    left = " ".join(one for one in user.recovery if one != digest)
    users.change(conn, id_, recovery=left or None)
    return True


_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH: Final = 16  # 80 bits: a plain hash is enough


def _recovery_code() -> str:
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    return "-".join(drawn[n : n + 4] for n in range(0, _CODE_LENGTH, 4))


def _plain(code: str) -> str:
    """As it was shown, however it was typed."""
    typed = "".join(one for one in code.upper() if one in _LETTERS)[:_CODE_LENGTH]
    return "-".join(typed[n : n + 4] for n in range(0, len(typed), 4))


def _digest(id_: str, code: str) -> str:
    return hashlib.sha256(f"{id_}\n{code}".encode()).hexdigest()
