"""What people see in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter import opting_out
from callrouter.pages.acting import Acting
from callrouter.pages.assets import show_asset
from callrouter.pages.audit import add as add_audit
from callrouter.pages.blocks import add as add_blocks
from callrouter.pages.board import add as add_board
from callrouter.pages.call_back import add as add_calling_back
from callrouter.pages.card_acts import add as add_card
from callrouter.pages.connect import Connect, FindProvider
from callrouter.pages.contacts import add as add_clients
from callrouter.pages.demo_mail import DemoMail
from callrouter.pages.doors import Doors
from callrouter.pages.erasing import add as add_erasing
from callrouter.pages.exporting import add as add_exporting
from callrouter.pages.figures import add as add_figures
from callrouter.pages.health import HealthPage
from callrouter.pages.import_page import add as add_importing
from callrouter.pages.journal import add as add_journal
from callrouter.pages.ladders import add as add_ladders
from callrouter.pages.lead_form import LeadForm
from callrouter.pages.listening import Listening
from callrouter.pages.live import add as add_live
from callrouter.pages.live import run_with
from callrouter.pages.my_calls import add as add_my_calls
from callrouter.pages.now import CallsNow
from callrouter.pages.opt_out import OptOut
from callrouter.pages.ordering_calls import add as add_ordering
from callrouter.pages.pop import add as add_pop
from callrouter.pages.relay import Relay
from callrouter.pages.rules import add as add_rules
from callrouter.pages.searching import add as add_searching
from callrouter.pages.setup_accounts import add as add_accounts
from callrouter.pages.setup_home import add as add_setup
from callrouter.pages.setup_pages import add as add_setup_forms
from callrouter.pages.setup_templates import add as add_templates
from callrouter.pages.signing_in import add as add_signing_in
from callrouter.pages.tasks import add as add_tasks
from callrouter.pages.today import add as add_today
from callrouter.pages.trying import CallYourself, Dial
from callrouter.pages.wall import add as add_wall
from callrouter.pages.what_if import add as add_what_if
from callrouter.pages.write_up import add as add_write_up
from callrouter.passwords import Passwords

if TYPE_CHECKING:
    from callrouter.outside.sink import Sink
    from callrouter.service import Service

__all__ = ["DOORS", "Dial", "Relay", "add_pages"]

DOORS: Final = web.AppKey("doors", Doors)
"""By which each page's right can be looked up."""


def add_pages(
    app: web.Application,
    service: Service,
    *,
    find: FindProvider,
    dial: Dial | None = None,
    relay: Relay | None = None,
    mail: Sink | None = None,
    passwords: Passwords | None = None,
) -> None:
    """Add every page. `find` gives accounts' providers; `dial` lets who looks at a demo call it.

    Each with the right that it needs (`callrouter.domain.rights`), or open to who has its address.
    """
    relay = Relay(service) if relay is None else relay
    doors = app[DOORS] = Doors(service)
    add = app.router
    _add_calls(add, service, doors, dial)
    _add_tuning(add, service, doors, find)
    add_setup(add, service, doors)
    add_ladders(add, service, doors)
    add_rules(add, service, doors)
    add_setup_forms(add, service, doors)
    add_accounts(add, service, doors)
    add_templates(add, service, doors)
    add_importing(add, service, doors)
    add_what_if(add, service, doors)
    add_ordering(add, service, doors)
    add_clients(add, service, doors)
    add_blocks(add, service, doors)
    add_card(add, service, doors)
    add_today(add, service, doors)
    add_board(add, service, doors)
    add_tasks(add, service, doors)
    add_my_calls(add, service, doors)
    add_write_up(add, service, doors)
    add_searching(add, service, doors)
    add_calling_back(add, service, doors)
    add_live(add, service, doors, relay)
    add_signing_in(add, service, doors, Passwords() if passwords is None else passwords)
    add_pop(add, service, doors)
    add_exporting(add, service, doors)
    add_erasing(add, service, doors)
    add_journal(add, service, doors)
    add_audit(add, service, doors)
    add_figures(add, service, doors)
    add_wall(add, service, doors)
    form = LeadForm(service, doors)
    add.add_get("/form", doors.open(form.show))
    add.add_post("/form", doors.open(form.take))
    opt_out = OptOut(service, doors)
    add.add_get(opting_out.PATH, doors.open(opt_out.show))
    add.add_post(opting_out.PATH, doors.open(opt_out.stop))
    add.add_get("/static/{name:[a-z0-9_./-]+}", show_asset)
    if mail is not None and service.demo:
        _add_demo_mail(add, doors, mail)
    run_with(app, relay)


def _add_calls(add: web.UrlDispatcher, service: Service, doors: Doors, dial: Dial | None) -> None:
    calls = CallsNow(service, doors, can_dial=dial is not None)
    add.add_get("/", doors.guarded(calls.show, "look"))
    add.add_get("/calls/{id}", doors.guarded(calls.show_call, "look"))
    add.add_get("/calls/{id}/why", doors.guarded(calls.show_why, "look"))
    listening = Listening(service, doors)
    add.add_get("/calls/{id}/recording", doors.guarded(listening.play, "listen"), allow_head=False)
    acting = Acting(service, doors)
    add.add_post("/managers/{key}/presence", doors.guarded(acting.say_presence, "work"))
    add.add_post("/obligations/{id}/close", doors.guarded(acting.close, "work"))
    add.add_post("/calls/{id}/contact", doors.guarded(acting.choose, "work"))
    add.add_post("/calls/{id}/outcome", doors.guarded(acting.say_outcome, "work"))
    add.add_post("/calls/{id}/block", doors.guarded(acting.block, "work"))
    if dial is not None and service.demo:
        add.add_post(
            "/call-yourself", doors.guarded(CallYourself(service, doors, dial).take, "work")
        )


def _add_tuning(add: web.UrlDispatcher, service: Service, doors: Doors, find: FindProvider) -> None:
    connect = Connect(service, doors, find)
    add.add_get("/connect", doors.guarded(connect.show, "tune"))
    add.add_get("/connect/{account}", doors.guarded(connect.show, "tune"))
    add.add_get("/connect/{account}/hooks", doors.guarded(connect.show_news, "tune"))
    add.add_post("/connect/{account}/test", doors.guarded(connect.test, "tune"))
    health = HealthPage(service, doors)
    add.add_get("/health", doors.guarded(health.show, "operate"))
    add.add_post("/health/thaw", doors.guarded(health.thaw, "operate"))
    add.add_post("/health/jobs/{id}", doors.guarded(health.retry, "operate"))
    add.add_post("/health/ready", doors.guarded(health.tick, "operate"))
    add.add_post("/health/not-ready", doors.guarded(health.untick, "operate"))


def _add_demo_mail(add: web.UrlDispatcher, doors: Doors, mail: Sink) -> None:
    letters = DemoMail(doors, mail)
    add.add_get("/demo/mail", doors.guarded(letters.show, "look"))
    add.add_get("/demo/mail/{id}", doors.guarded(letters.show, "look"))
    add.add_get("/demo/mail/{id}/html", doors.guarded(letters.show_html, "look"))
    add.add_get(r"/demo/mail/{id}/files/{n:[0-9]{1,3}}", doors.guarded(letters.show_file, "look"))
