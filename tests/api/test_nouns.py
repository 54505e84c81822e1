"""What each noun gives, field by field, as the contract names them."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from tests.api.conftest import Api
from tests.api.rows import (
    LINE,
    NOON,
    add_call,
    add_card,
    add_contact,
    add_happening,
    add_leg,
    add_move,
    add_owner,
)

MINUTE = timedelta(minutes=1)
NOBODY = "01" + "Z" * 24


async def test_a_contact(api: Api) -> None:
    def make(conn: Connection) -> str:
        return add_contact(
            conn,
            "Иван Петров",
            "+79161234567",
            emails=("ivan@example.com",),
            tags=("vip",),
            responsible="anna",
        )

    id_ = await api.service.database.write(make)
    found = await api.get("/contacts", phone="8 916 123-45-67")
    assert found.body == {
        "items": [
            {
                "id": id_,
                "kind": "person",
                "relation": "client",
                "name": "Иван Петров",
                "first_name": None,
                "middle_name": None,
                "last_name": None,
                "name_confirmed": False,
                "phones": ["+79161234567"],
                "phone_labels": {},
                "emails": ["ivan@example.com"],
                "tags": ["vip"],
                "responsible": "anna",
                "inn": None,
                "position": None,
                "company": None,
                "comment": None,
                "fields": {},
                "created_at": "2026-03-02T09:00:00.000Z",
                "updated_at": "2026-03-02T09:00:00.000Z",
                "version": 1,
            }
        ],
        "next": None,
    }


async def test_a_card_with_its_timeline(api: Api) -> None:
    def make(conn: Connection) -> tuple[str, str, str]:
        contact = add_contact(conn, "Иван Петров", "+79161234567")
        card = add_card(conn, contact, number=318, manager="anna", status="in_work", version=3)
        add_move(conn, card, 1, "new")
        call = add_call(conn, at=NOON + MINUTE, contact=contact, card=card, manager="anna")
        add_owner(conn, card, "anna", at=NOON + 2 * MINUTE)
        add_happening(conn, card, "card_read", at=NOON + 3 * MINUTE)
        return contact, card, call

    contact, card, call = await api.service.database.write(make)
    brief = {
        "id": card,
        "number": 318,
        "status": "in_work",
        "manager": "anna",
        "contact": {"id": contact, "name": "Иван Петров", "phones": ["+79161234567"]},
        "pipeline": "sales",
        "source": "site",
        "office": None,
        "team": None,
        "entity": None,
        "amount": None,
        "due_on": None,
        "title": "",
        "loss_reason": None,
        "last_contact_at": None,
        "closed_at": None,
        "created_at": "2026-03-02T09:00:00.000Z",
        "version": 3,
    }
    assert (await api.get("/cards")).body == {"items": [brief], "next": None}
    whole = (await api.get(f"/cards/{card}")).body
    timeline = whole.pop("timeline")
    assert whole.pop("timeline_whole") is True
    assert whole.pop("fields") == {}
    assert whole == brief
    happening, owner, talk, move = timeline
    assert (happening["kind"], happening["event"]) == ("event", "card_read")
    assert happening["data"] == {"why": "Так"}
    assert (owner["kind"], owner["manager"], owner["until"]) == ("responsible", "anna", None)
    assert (talk["kind"], talk["call"]["id"], talk["at"]) == (
        "call",
        call,
        "2026-03-02T09:01:00.000Z",
    )
    assert (move["kind"], move["from_status"], move["to_status"]) == ("status", None, "new")


async def test_a_card_of_nobody_yet(api: Api) -> None:
    card = await api.service.database.write(lambda conn: add_card(conn))  # noqa: PLW0108  its type
    assert (await api.get(f"/cards/{card}")).body["contact"] is None


async def test_a_call(api: Api) -> None:
    def make(conn: Connection) -> tuple[str, str, str]:
        contact = add_contact(conn, "Иван Петров", "+79161234567")
        card = add_card(conn, contact, number=318)
        call = add_call(
            conn,
            contact=contact,
            card=card,
            manager="vera",
            ref="1700000000.1",
            answered_at=NOON + timedelta(seconds=25, milliseconds=250),
            ended_at=NOON + 2 * MINUTE,
            duration_s=94.75,
            reason="completed",
        )
        add_leg(conn, call, "a1", status="failed", reason="no_answer", ring_from=NOON)
        add_leg(
            conn,
            call,
            "a2",
            step=1,
            manager="vera",
            dial="103",
            answered_at=NOON + timedelta(seconds=25),
            ended_at=NOON + timedelta(seconds=120),
        )
        return contact, card, call

    contact, card, call = await api.service.database.write(make)
    found = (await api.get(f"/calls/{call}")).body
    assert found.pop("people") == [{"contact": contact, "name": "Иван Петров", "reasons": []}]
    assert found.pop("ordered") is None
    assert found.pop("fetches") == []
    assert (await api.get("/calls")).body["items"] == [found]
    missed, talked = found.pop("legs")
    assert found == {
        "id": call,
        "call_id": "1700000000.1",
        "account": "main",
        "direction": "in",
        "state": "answered",
        "caller": "+79161234567",
        "caller_kind": "known",
        "line": LINE,
        "card": card,
        "card_number": 318,
        "contact": contact,
        "contact_name": "Иван Петров",
        "manager": "vera",
        "started_at": "2026-03-02T09:00:00.000Z",
        "answered_at": "2026-03-02T09:00:25.250Z",
        "ended_at": "2026-03-02T09:02:00.000Z",
        "duration_s": 94.75,
        "presumed": False,
        "reason": "completed",
        "recording": None,
        "outcome": None,
        "note": None,
    }
    assert missed == {
        "leg": "a1",
        "manager": "anna",
        "dial": "101",
        "status": "failed",
        "reason": "no_answer",
        "ring_from": "2026-03-02T09:00:00.000Z",
        "ring_until": None,
        "answered_at": None,
        "ended_at": None,
        "duration_s": None,
        "planned": True,
        "machine": False,
        "presumed": False,
        "run": 0,
        "attempt": 0,
        "step": 0,
    }
    assert (talked["leg"], talked["manager"], talked["duration_s"]) == ("a2", "vera", 95.0)


async def test_a_withheld_caller_is_null(api: Api) -> None:
    def make(conn: Connection) -> str:
        return add_call(conn, caller_kind="withheld", caller_number=None, caller_raw="anonymous")

    found = (await api.get(f"/calls/{await api.service.database.write(make)}")).body
    assert (found["caller"], found["caller_kind"]) == (None, "withheld")


async def test_managers_as_routing_sees_them(api: Api) -> None:
    def make(conn: Connection) -> tuple[str, str]:
        talking = add_call(conn, state="talking")
        add_leg(
            conn,
            talking,
            status="talking",
            answered_at=NOON - MINUTE,
            hold="talk",
            hold_until=NOON + 59 * MINUTE,
        )
        ringing = add_call(conn, state="ringing")
        add_leg(
            conn,
            ringing,
            manager="vera",
            status="ringing",
            stranger=True,
            ring_from=NOON,
            ring_until=NOON + MINUTE,
            hold="ring",
            hold_until=NOON + MINUTE,
        )
        return talking, ringing

    talking, ringing = await api.service.database.write(make)
    found = (await api.get("/managers")).body
    assert found["next"] is None
    anna, boris, old, vera = found["items"]
    assert anna == {
        "key": "anna",
        "name": "Анна Смирнова",
        "team": "sales",
        "office": None,
        "state": "busy",
        "load": {
            "in_work": 0.0,
            "cards": 0,
            "strangers": 0,
            "ringing": 0,
            "capacity": 20,
            "share": 0.0,
        },
        "busy": {"call": talking, "until": "2026-03-02T09:59:00.000Z"},
        "presence": None,
        "cooling": None,
    }
    assert (vera["state"], vera["busy"]["call"]) == ("busy", ringing)
    assert (vera["load"]["ringing"], vera["load"]["share"]) == (1, 0.1)
    assert (boris["state"], boris["busy"]) == ("off_shift", None)
    assert old["state"] == "inactive"
    api.clock.now = NOON + 4 * 60 * MINUTE
    states = [one["state"] for one in (await api.get("/managers")).body["items"]]
    assert states == ["available", "available", "inactive", "available"]


@pytest.mark.parametrize("path", [f"/cards/{NOBODY}", f"/calls/{NOBODY}", f"/calls/{NOBODY}/why"])
async def test_what_is_not_there_is_said(api: Api, path: str) -> None:
    found = await api.get(path)
    assert (found.status, found.body["title"]) == (404, "Not Found")
    assert "There is no such" in found.body["detail"]
