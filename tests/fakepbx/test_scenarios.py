from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from callrouter.fakepbx import ON_REQUEST, FakePbx, Kind, Manners, play_virtual
from tests.fakepbx.desk import Desk
from tests.fakepbx.examples import CALLERS, DIALS, MAIN, OLD, START, a_pbx

WORST = Manners(lost=1, doubled=1, late=1, restart_every_s=None)


def called_for(pbx: FakePbx, desk: Desk, **wish: Any) -> str:
    """Ask for one call a few seconds after the opening; return its id."""
    asked: list[str] = []

    def ask(moment: datetime) -> None:
        if not asked:
            asked.append(pbx.call(**wish))

    play_virtual(pbx, desk, start=START, hours=0.3, tick=ask)
    return asked[0]


def ringing(desk: Desk, call_id: str) -> list[dict[str, Any]]:
    return [
        h.payload for h in desk.hooks if h.call_id == call_id and h.payload["event"] == "ringing"
    ]


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        pytest.param(
            "unknown", lambda n: n.startswith("+7") and n not in CALLERS.known, id="unknown"
        ),
        pytest.param("known", lambda n: n in CALLERS.known, id="known"),
        pytest.param("withheld", lambda n: n in {"anonymous", "", "Restricted"}, id="withheld"),
        pytest.param("vip", lambda n: n in CALLERS.vip, id="vip"),
    ],
)
def test_who_calls(kind: Kind, fits: Any) -> None:
    desk = Desk(DIALS)
    pbx = a_pbx(habits=ON_REQUEST, manners=WORST)
    asked = ringing(desk, called_for(pbx, desk, kind=kind))
    assert len(asked) == 1, "a call that a person watches is neither lost nor doubled"
    assert fits(asked[0]["caller"])
    assert asked[0]["called"] == MAIN.lines[0]


def test_everybody_is_busy_before_the_call_comes() -> None:
    desk = Desk(DIALS)
    pbx = a_pbx(habits=ON_REQUEST, manners=WORST)
    call_id = called_for(pbx, desk, kind="busy")
    [at] = [h.at for h in desk.hooks if h.call_id == call_id and h.payload["event"] == "ringing"]
    answered = {
        h.payload["target"] for h in desk.hooks if h.payload["event"] == "answered" and h.at < at
    }
    assert answered == set(DIALS)
    assert set(pbx.truth.talking(at)) == set(DIALS)


@pytest.mark.parametrize(
    ("wish", "account", "caller", "line"),
    [
        pytest.param({"kind": "after_hours"}, "old", None, "+78121230001", id="a closed line"),
        pytest.param(
            {"kind": "after_hours", "line": MAIN.lines[1]},
            "main",
            None,
            MAIN.lines[1],
            id="closed, line given",
        ),
        pytest.param(
            {"caller": "8 (916) 123-45-67 доб. 12", "line": OLD.lines[0]},
            "old",
            "8 (916) 123-45-67 доб. 12",
            OLD.lines[0],
            id="any caller as typed",
        ),
        pytest.param(
            {"caller": "", "line": "trunk-x"}, "main", "", "trunk-x", id="any line as typed"
        ),
        pytest.param(
            {"kind": "vip", "caller": "+4930123456"},
            "main",
            "+4930123456",
            MAIN.lines[0],
            id="caller wins",
        ),
    ],
)
def test_any_number_and_line(wish: Any, account: str, caller: str | None, line: str) -> None:
    desk = Desk(DIALS)
    pbx = a_pbx(habits=ON_REQUEST, closed_line=OLD.lines[0])
    call_id = called_for(pbx, desk, **wish)
    [payload] = ringing(desk, call_id)
    assert pbx.truth.calls[call_id].account == account
    assert payload["called"] == line
    if caller is not None:
        assert payload["caller"] == caller


def test_a_call_needs_an_open_pbx() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        a_pbx().call(kind="known")
