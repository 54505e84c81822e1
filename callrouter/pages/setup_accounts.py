"""`/setup/accounts`: connections to PBXs. What is secret goes in and never comes out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
from aiohttp import web

from callrouter.accounts import open_secret
from callrouter.domain.phones import pretty
from callrouter.flows.tuning import Stale
from callrouter.pages import account_form as forms
from callrouter.pages.account_form import (
    SECRET_WRONG,
    AccountForm,
    form_of,
    placed,
    read_form,
)
from callrouter.pages.leading import see
from callrouter.pages.setup_form import marks_of
from callrouter.pages.setup_kinds import TYPE_AGAIN
from callrouter.pages.tuning import Bench, bench_of
from callrouter.setup_file import BadSetup
from callrouter.setup_file import secrets as changing
from callrouter.setup_file.afar import carried_out
from callrouter.setup_file.editing import (
    ItemExists,
    NoSuchItem,
    drop_item,
    find_item,
    put_item,
    written_of,
)
from callrouter.setup_file.secrets import BadSecret, NewSecret, NotThatMany
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.setup_problems import problem_said
from storage.listing_hooks import last_hooks, last_refused

if TYPE_CHECKING:
    from datetime import datetime

    from multidict import MultiDictProxy
    from sqlalchemy import Connection

    from callrouter.domain.setup import Account, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing_values import Viewer

ACCOUNTS: Final = "/setup/accounts"
NEW: Final = "new"
"""The address of the form for a new one, so that none is called so."""

LOOKED_AT: Final = 5
"""So many of an account's last hooks: our own tests among them do not count."""

_KEY: Final = "{key:[A-Za-z0-9_.-]{1,64}}"
_MADE_BYTES: Final = 32
_NOTHING: Final[Mapping[str, str]] = {}

log = structlog.get_logger(__name__)

Done = Literal["saved", "beside", "instead", "dropped"]
DONE: Final[Mapping[Done, str]] = {
    "saved": mark("Saved."),
    "beside": mark(
        "Both secrets are valid now. Enter the new one in the PBX; when its hooks come, drop the "
        "old one here."
    ),
    "instead": mark("Only the new secret is valid now."),
    "dropped": mark("One secret is left, and it alone is valid."),
}
_DONE_SAYS: Final[Mapping[str, str]] = {str(key): says for key, says in DONE.items()}


class CannotRemove(Exception):
    """Lines or managers need the account."""

    def __init__(self, lines: tuple[str, ...], managers: tuple[str, ...]) -> None:
        super().__init__(lines, managers)
        self.lines, self.managers = lines, managers


@dataclass(frozen=True, slots=True)
class Heard:
    """When hooks of an account came last, and when one was refused; "" for never."""

    came: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class SecretRow:
    """Where a secret stands. `name`: its variable, "" for one sealed in the base."""

    place: int
    name: str
    there: bool


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    title: str
    lines: tuple[str, ...]
    secrets: tuple[SecretRow, ...]
    heard: Heard


class SetupAccounts:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    # What is shown

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await self._bench(request, guest)
        heard = await self._service.database.read(
            _heard_of_all, tuple(bench.setup.accounts), guest.viewer
        )
        rows = [
            Row(
                one.key,
                forms.title_of(one.provider, guest.words),
                tuple(pretty(it.number) for it in bench.setup.line if it.account == one.key),
                self._secrets(one),
                self._in_words(heard[one.key]),
            )
            for one in bench.setup.account
        ]
        gone = request.query.get("gone", "")[:64]
        return self._doors.page(guest, "setup_accounts", bench=bench, rows=rows, gone=gone)

    async def show_new(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await self._bench(request, guest)
        first = bench.setup.line[0].number if bench.setup.line else ""
        return self._form(guest, bench, AccountForm(default_line=first), None)

    async def show_one(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await self._bench(request, guest)
        account = bench.setup.accounts.get(request.match_info["key"])
        if account is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
        says = _DONE_SAYS.get(request.query.get("done", ""), "")
        return await self._one(guest, bench, account, says=guest.words(says) if says else "")

    # What is changed

    async def add(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench, post = await self._bench(request, guest), await request.post()
        form, wrong, others = read_form(post), dict[str, str](), tuple[str, ...]()
        new = None
        try:
            new = _new_secret(post)
        except BadSecret as bad:
            wrong["secret"] = guest.words(SECRET_WRONG[bad.code])
        wrong |= {name: guest.words(says) for name, says in form.wrong().items()}
        taken = {"key": guest.words(forms.KEY_TAKEN)}
        if form.key == NEW:
            wrong |= taken
        if new and not wrong:
            try:
                return await self._added(request, guest, bench, form, new)
            except ItemExists:
                wrong |= taken
            except BadSetup as bad:
                wrong, others = placed(bad.problems, form.key, guest.words)
        if new and not new.made and str(post.get("how", "")) == "literal":
            # It is never shown again, so it has to be typed once more.
            wrong["secret"] = guest.words(TYPE_AGAIN)
        return self._form(
            guest, bench, form, None, wrong=wrong, others=others, how=str(post.get("how", "made"))
        )

    async def _added(
        self,
        request: web.Request,
        guest: Guest,
        bench: Bench,
        form: AccountForm,
        new: NewSecret,
    ) -> web.StreamResponse:
        written = {**form.written(), "secret": new.text}
        edited = await bench.edit(lambda setup: put_item(setup, "account", written, key=None))
        log.info("account_added", account=form.key, provider=form.provider, by=guest.by)
        if new.made:
            account = find_item(edited.setup, "account", form.key)
            return self._made(request, guest, bench, account, new)
        if bench.draft is None:
            return see(f"/connect/{form.key}")
        return see(bench.link(f"{ACCOUNTS}/{form.key}?done=saved"))

    async def save(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Everything but key and secrets."""
        bench, post = await self._bench(request, guest), await request.post()
        key = request.match_info["key"]
        form = replace(read_form(post), key=key)
        wrong = {name: guest.words(says) for name, says in form.wrong().items()}
        others: tuple[str, ...] = ()
        says, status = "", HTTPStatus.UNPROCESSABLE_ENTITY
        again = str(post.get("again", "")).strip()
        try:
            typed = [changing.literal(again).text] if again else None
        except BadSecret as bad:
            wrong["again"] = guest.words(SECRET_WRONG[bad.code])

        def change(setup: Setup) -> Setup:
            secret = typed or written_of(setup, "account", key).get("secret", [])
            written = {**form.written(), "secret": secret}
            new = put_item(setup, "account", written, key=key)
            if problems := tuple(carried_out(setup, new)):  # on a draft too
                raise BadSetup(problems)
            return new

        if not wrong:
            try:
                await bench.edit(change, seen=_seen(post))
            except NoSuchItem:
                return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
            except BadSetup as bad:
                wrong, others = placed(bad.problems, key, guest.words)
                if "secret" in wrong:
                    wrong["again"] = wrong.pop("secret")
            except Stale:
                says, status = _stale(guest), HTTPStatus.CONFLICT
            else:
                log.info("account_changed", account=key, by=guest.by)
                return see(bench.link(f"{ACCOUNTS}/{key}?done=saved"))
        if again:
            wrong.setdefault("again", guest.words(TYPE_AGAIN))
        bench = await self._bench(request, guest)
        account = bench.setup.accounts.get(key)
        if account is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
        form, theirs = forms.meet(form, marks_of(post), form_of(account, bench.setup.company))
        for name, there in theirs.items():
            said = f"{guest.words('There now:')} {there or '—'}"
            wrong[name] = f"{wrong[name]} {said}" if name in wrong else said
        return await self._one(
            guest, bench, account, form=form, wrong=wrong, others=others, says=says, status=status
        )

    async def change_secret(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A second one beside the first, or one instead of whatever there is."""
        bench, post = await self._bench(request, guest), await request.post()
        key, at_once = request.match_info["key"], str(post.get("at_once", "")) == "yes"
        account = bench.setup.accounts.get(key)
        if account is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
        try:
            new = _new_secret(post)
            if changing.has(account, new, self._opener(key)):
                raise BadSecret("same")  # noqa: TRY301
        except BadSecret as bad:
            wrong = {"secret": guest.words(SECRET_WRONG[bad.code])}
            how = str(post.get("how", "made"))
            return await self._one(guest, bench, account, wrong=wrong, how=how)
        put = changing.put_instead if at_once else changing.put_beside
        refused = await self._change(guest, bench, account, lambda one: put(one, key, new), post)
        if refused:
            return refused
        log.info("secret_added", account=key, at_once=at_once, by=guest.by)
        if new.made:
            return self._made(request, guest, bench, account, new, beside=not at_once)
        done: Done = "instead" if at_once else "beside"
        return see(bench.link(f"{ACCOUNTS}/{key}?done={done}#secrets"))

    async def drop_secret(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Of two: leave the other one alone."""
        bench, post = await self._bench(request, guest), await request.post()
        key, said = request.match_info["key"], str(post.get("place", ""))
        account = bench.setup.accounts.get(key)
        if account is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
        place = int(said) if said in ("0", "1") else -1
        refused = await self._change(
            guest, bench, account, lambda one: changing.take_away(one, key, place), post
        )
        if refused:
            return refused
        log.info("secret_dropped", account=key, by=guest.by)
        return see(bench.link(f"{ACCOUNTS}/{key}?done=dropped#secrets"))

    async def remove(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Only one that no line and no phone needs."""
        bench, post = await self._bench(request, guest), await request.post()
        key = request.match_info["key"]
        account = bench.setup.accounts.get(key)
        if account is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")

        def change(setup: Setup) -> Setup:
            lines, managers = forms.lines_of(key, setup), forms.managers_of(key, setup)
            if lines or managers:
                raise CannotRemove(lines, managers)
            return drop_item(setup, "account", key)

        refused = await self._change(guest, bench, account, change, post)
        if refused:
            return refused
        log.info("account_removed", account=key, by=guest.by)
        return see(bench.link(f"{ACCOUNTS}?gone={key}"))

    async def _change(
        self,
        guest: Guest,
        bench: Bench,
        account: Account,
        change: Callable[[Setup], Setup],
        post: MultiDictProxy[Any],
    ) -> web.StreamResponse | None:
        """Make a change; gives the page that says why not."""
        words, others = guest.words, tuple[str, ...]()
        says, status = "", HTTPStatus.UNPROCESSABLE_ENTITY
        try:
            await bench.edit(change, seen=_seen(post))
        except NoSuchItem:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
        except (Stale, NotThatMany):
            says, status = _stale(guest), HTTPStatus.CONFLICT
        except CannotRemove as needed:
            says, status = words("It cannot be removed yet."), HTTPStatus.CONFLICT
            others = tuple(
                [
                    words("Calls to {line} come only through it.", line=pretty(one))
                    for one in needed.lines
                ]
                + [words("{name} has phones named for it.", name=one) for one in needed.managers]
            )
        except BadSetup as bad:
            others = tuple(f"{one.key}: {problem_said(one.message, words)}" for one in bad.problems)
        else:
            return None
        bench = await bench.renewed()
        account = bench.setup.accounts.get(account.key, account)
        return await self._one(guest, bench, account, others=others, says=says, status=status)

    # Pages

    async def _one(
        self,
        guest: Guest,
        bench: Bench,
        account: Account,
        *,
        form: AccountForm | None = None,
        wrong: Mapping[str, str] = _NOTHING,
        others: tuple[str, ...] = (),
        says: str = "",
        how: str = "made",
        status: HTTPStatus | None = None,
    ) -> web.Response:
        heard = await self._service.database.read(_heard, account.key, guest.viewer)
        typed = form or form_of(account, bench.setup.company)
        return self._form(
            guest,
            bench,
            typed,
            account,
            wrong=wrong,
            others=others,
            says=says,
            how=how,
            heard=self._in_words(heard),
            status=status,
        )

    def _form(
        self,
        guest: Guest,
        bench: Bench,
        form: AccountForm,
        account: Account | None,
        *,
        wrong: Mapping[str, str] = _NOTHING,
        others: tuple[str, ...] = (),
        says: str = "",
        how: str = "made",
        heard: Heard = Heard(),
        status: HTTPStatus | None = None,
    ) -> web.Response:
        setup = bench.setup
        bad = bool(wrong or others)
        return self._doors.page(
            guest,
            "setup_account",
            status=status or (HTTPStatus.UNPROCESSABLE_ENTITY if bad else HTTPStatus.OK),
            bench=bench,
            form=form,
            opened=json.dumps(forms.marks(form_of(account, setup.company))) if account else "",
            account=account,
            wrong=wrong,
            others=others,
            says=says,
            bad=bad or (status is not None and status >= HTTPStatus.BAD_REQUEST),
            how=how,
            allowed=forms.ALLOWED,
            providers=forms.providers(guest.words),
            title=forms.title_of(form.provider, guest.words),
            prefixes=forms.usual_prefixes(setup.company),
            secrets=self._secrets(account) if account else (),
            heard=heard,
            lines=tuple(map(pretty, forms.lines_of(account.key, setup))) if account else (),
            managers=forms.managers_of(account.key, setup) if account else (),
        )

    def _made(
        self,
        request: web.Request,
        guest: Guest,
        bench: Bench,
        account: Account,
        new: NewSecret,
        *,
        beside: bool = False,
    ) -> web.Response:
        """Shows a secret that we made up, once."""
        return self._doors.page(
            guest,
            "setup_account_made",
            bench=bench,
            account=account,
            secret=new.text,
            beside=beside,
            address=f"{self._doors.public_url(request)}{account.hook_path}",
        )

    def _secrets(self, account: Account) -> tuple[SecretRow, ...]:
        environ = self._service.settings.environ
        found = []
        for place, written in enumerate(account.secrets):
            name = written.removeprefix("env:") if written.startswith("env:") else ""
            found.append(SecretRow(place, name, there=not name or bool(environ.get(name))))
        return tuple(found)

    def _in_words(self, heard: tuple[datetime | None, datetime | None]) -> Heard:
        local = self._service.setups.current.calendar_of(None).local
        came, refused = (formats.moment(local(one)) if one else "" for one in heard)
        return Heard(came, refused)

    def _opener(self, key: str) -> Callable[[str], str | None]:
        """A secret in clear, to be compared; the environment is asked only for what it has."""
        seal, environ = self._service.seal, self._service.settings.environ

        def opened(written: str) -> str | None:
            if written.startswith("env:"):
                return environ.get(written.removeprefix("env:"))
            return open_secret(written, key, seal, environ)

        return opened

    # The newest

    async def _bench(self, request: web.Request, guest: Guest) -> Bench:
        return await bench_of(request, guest, self._service)


def _heard(conn: Connection, key: str, viewer: Viewer) -> tuple[datetime | None, datetime | None]:
    """When a hook came last, but for our own tests, and when one was refused."""
    hooks = last_hooks(conn, viewer, key, LOOKED_AT)
    came = next(
        (
            one.event.received
            for one in hooks
            if not (one.event.kind == "unknown" and "test" in one.event.word.lower())
        ),
        None,
    )
    refused = last_refused(conn, viewer, key, 1)
    return came, refused[0].at if refused else None


def _heard_of_all(
    conn: Connection, keys: tuple[str, ...], viewer: Viewer
) -> dict[str, tuple[datetime | None, datetime | None]]:
    return {key: _heard(conn, key, viewer) for key in keys}


def _new_secret(post: MultiDictProxy[Any]) -> NewSecret:
    """By what was chosen: typed, a variable's, or made up. Raises BadSecret."""
    how = str(post.get("how", ""))
    if how == "literal":
        return changing.literal(str(post.get("literal", "")).strip())
    if how == "variable":
        return changing.variable(str(post.get("variable", "")).strip())
    if how == "made":
        return NewSecret(secrets.token_urlsafe(_MADE_BYTES), made=True)
    raise BadSecret("needed")


def _seen(post: MultiDictProxy[Any]) -> int | None:
    """The version that its sender saw; what is no number fits none."""
    said = str(post.get("seen", ""))
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else -1


def _stale(guest: Guest) -> str:
    return guest.words(
        "Somebody has changed the setup meanwhile. Look at it once more and save again."
    )


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = SetupAccounts(service, doors)
    one = f"{ACCOUNTS}/{_KEY}"
    router.add_get(ACCOUNTS, doors.guarded(page.show, "see_setup"))
    router.add_get(f"{ACCOUNTS}/{NEW}", doors.guarded(page.show_new, "tune"))
    router.add_post(f"{ACCOUNTS}/{NEW}", doors.guarded(page.add, "tune"))
    router.add_get(one, doors.guarded(page.show_one, "see_setup"))
    router.add_post(one, doors.guarded(page.save, "tune"))
    router.add_post(f"{one}/secret", doors.guarded(page.change_secret, "tune"))
    router.add_post(f"{one}/secret/drop", doors.guarded(page.drop_secret, "tune"))
    router.add_post(f"{one}/remove", doors.guarded(page.remove, "tune"))
