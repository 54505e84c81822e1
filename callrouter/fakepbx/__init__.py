"""A PBX without telephones: plays calls through the real webhooks, with bad manners."""

from callrouter.fakepbx.drivers import play_http, play_virtual, play_virtual_async
from callrouter.fakepbx.habits import Habits
from callrouter.fakepbx.manners import GOOD, Manners
from callrouter.fakepbx.play import FakePbx
from callrouter.fakepbx.truth import CallTruth, Talk, Truth
from callrouter.fakepbx.values import Account, Callers, Hook, Kind, Person

__all__ = [
    "GOOD",
    "Account",
    "CallTruth",
    "Callers",
    "FakePbx",
    "Habits",
    "Hook",
    "Kind",
    "Manners",
    "Person",
    "Talk",
    "Truth",
    "play_http",
    "play_virtual",
    "play_virtual_async",
]
