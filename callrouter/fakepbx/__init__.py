"""A PBX without telephones: plays calls through the real webhooks, with bad manners."""

from callrouter.fakepbx.drivers import play_http, play_virtual, play_virtual_async
from callrouter.fakepbx.habits import OFFICE_DAY, ON_REQUEST, Habits
from callrouter.fakepbx.manners import GOOD, Manners
from callrouter.fakepbx.play import FakePbx
from callrouter.fakepbx.scenes import first_minutes
from callrouter.fakepbx.truth import CallTruth, PassedOn, Ring, Talk, Truth
from callrouter.fakepbx.values import Account, Callers, Course, Hook, Kind, Person

__all__ = [
    "GOOD",
    "OFFICE_DAY",
    "ON_REQUEST",
    "Account",
    "CallTruth",
    "Callers",
    "Course",
    "FakePbx",
    "Habits",
    "Hook",
    "Kind",
    "Manners",
    "PassedOn",
    "Person",
    "Ring",
    "Talk",
    "Truth",
    "first_minutes",
    "play_http",
    "play_virtual",
    "play_virtual_async",
]
