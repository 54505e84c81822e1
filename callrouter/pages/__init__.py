"""What people see in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from callrouter.pages.acting import Acting
from callrouter.pages.assets import show_asset
from callrouter.pages.connect import Connect, FindProvider
from callrouter.pages.doors import Doors
from callrouter.pages.entering import Entrance
from callrouter.pages.lead_form import LeadForm
from callrouter.pages.live import Events, run_with
from callrouter.pages.now import CallsNow
from callrouter.pages.pop import ScreenPop
from callrouter.pages.relay import Relay
from callrouter.pages.trying import CallYourself, Dial

if TYPE_CHECKING:
    from callrouter.service import Service

__all__ = ["Dial", "Relay", "add_pages"]


def add_pages(
    app: web.Application,
    service: Service,
    *,
    find: FindProvider,
    dial: Dial | None = None,
    relay: Relay | None = None,
) -> None:
    """Add every page. `find` gives accounts' providers; `dial` lets who looks at a demo call it."""
    relay = Relay(service) if relay is None else relay
    doors = Doors(service)
    calls = CallsNow(service, doors, can_dial=dial is not None)
    add = app.router
    add.add_get("/", doors.guarded(calls.show))
    add.add_get("/calls/{id}", doors.guarded(calls.show_call))
    add.add_get("/calls/{id}/why", doors.guarded(calls.show_why))
    acting = Acting(service, doors)
    add.add_post("/managers/{key}/presence", doors.guarded(acting.say_presence))
    add.add_post("/obligations/{id}/close", doors.guarded(acting.close))
    add.add_post("/calls/{id}/contact", doors.guarded(acting.choose))
    add.add_post("/calls/{id}/outcome", doors.guarded(acting.say_outcome))
    add.add_post("/calls/{id}/block", doors.guarded(acting.block))
    connect = Connect(service, doors, find)
    add.add_get("/connect", doors.guarded(connect.show))
    add.add_get("/connect/{account}", doors.guarded(connect.show))
    add.add_get("/connect/{account}/hooks", doors.guarded(connect.show_news))
    add.add_post("/connect/{account}/test", doors.guarded(connect.test))
    add.add_get("/events", doors.guarded(Events(relay).show), allow_head=False)
    add.add_get("/enter/{token}", doors.open(Entrance(service, doors).show), allow_head=False)
    add.add_get("/pop/{token}", doors.open(ScreenPop(service, doors).show))
    form = LeadForm(service, doors)
    add.add_get("/form", doors.open(form.show))
    add.add_post("/form", doors.open(form.take))
    add.add_get("/static/{name}", show_asset)
    if dial is not None and service.demo:
        add.add_post("/call-yourself", doors.guarded(CallYourself(service, doors, dial).take))
    run_with(app, relay)
