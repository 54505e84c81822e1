"""`POST` and `PATCH /contacts`, `POST /cards`: what programs write of clients."""

from typing import Any

import pytest

from tests.api.conftest import Api, Reply

IVAN = {
    "name": "Иван Петров",
    "phones": ["8 (916) 123-45-67"],
    "emails": ["Ivan@Example.com"],
    "responsible": "anna",
    "tags": ["vip"],
    "external_id": "crm-77",
    "kind": "person",
    "relation": "client",
    "inn": "500100732259",
    "comment": "Звонить утром",
    "position": "Директор",
    "company": "ООО «Ромашка»",
}
NOBODY = "01" + "Z" * 24


async def save(api: Api, body: Any, **more: Any) -> Reply:
    return await api.ask("POST", "/contacts", json=body, **more)


async def change(api: Api, id_: str, body: Any) -> Reply:
    return await api.ask("PATCH", f"/contacts/{id_}", json=body)


async def test_a_contact_is_made_then_brought_up_to_date(api: Api) -> None:
    made = await save(api, IVAN)
    id_ = made.body["id"]
    assert (made.status, made.body) == (
        201,
        {
            "id": id_,
            "kind": "person",
            "relation": "client",
            "name": "Иван Петров",
            "first_name": None,
            "middle_name": None,
            "last_name": None,
            "name_confirmed": True,
            "phones": ["+79161234567"],
            "phone_labels": {},
            "emails": ["ivan@example.com"],
            "tags": ["vip"],
            "responsible": "anna",
            "inn": "500100732259",
            "position": "Директор",
            "company": "ООО «Ромашка»",
            "comment": "Звонить утром",
            "fields": {},
            "created_at": "2026-03-02T09:00:00.000Z",
            "updated_at": "2026-03-02T09:00:00.000Z",
            "version": 1,
        },
    )
    again = await save(api, {"external_id": "crm-77", "phones": ["+79031112233"], "comment": None})
    assert (again.status, again.body["id"], again.body["version"]) == (200, id_, 2)
    assert again.body["phones"] == ["+79031112233", "+79161234567"]
    assert again.body["comment"] == "Звонить утром"
    assert (await save(api, IVAN, role="head")).body["id"] == id_  # another program: by the number
    listed = (await api.get("/contacts", phone="89031112233")).body["items"]
    assert [one["id"] for one in listed] == [id_]


async def test_a_change_replaces_what_is_given(api: Api) -> None:
    made = (await save(api, IVAN)).body
    found = await change(
        api, made["id"], {"phones": ["+79031112233"], "tags": [], "responsible": None, "version": 1}
    )
    assert (found.status, found.body["version"]) == (200, 2)
    assert (found.body["phones"], found.body["tags"]) == (["+79031112233"], [])
    assert (found.body["responsible"], found.body["company"]) == (None, "ООО «Ромашка»")
    stale = await change(api, made["id"], {"name": "Пётр", "version": 1})
    assert (stale.status, stale.body["title"]) == (409, "Conflict")
    assert "version is 2" in stale.body["detail"]
    assert (await change(api, made["id"], {"name": "Пётр"})).body["name"] == "Пётр"
    assert (await change(api, NOBODY, {"name": "Пётр"})).status == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param({}, ["name", "phones", "emails", "external_id"], id="nothing"),
        pytest.param({"phones": ["+79161234567", "12-34"]}, ["phones.1"], id="a bad number"),
        pytest.param({"emails": ["ivan"]}, ["emails.0"], id="a bad e-mail"),
        pytest.param({"name": "И", "responsible": "old"}, ["responsible"], id="who has left"),
        pytest.param({"name": "И", "kind": "robot"}, ["kind"], id="no such kind"),
        pytest.param({"name": "И", "tags": [" "]}, ["tags.0"], id="a tag of nothing"),
        pytest.param({"name": "И", "inn": "1"}, ["inn"], id="a bad INN"),
        pytest.param({"name": "И", "phones": None}, ["phones"], id="null for a list"),
        pytest.param({"name": "И", "phone": "1"}, ["phone"], id="a misspelt name"),
    ],
)
async def test_a_contact_that_cannot_be_taken_names_its_fields(
    api: Api, body: dict[str, Any], fields: list[str]
) -> None:
    found = await save(api, body)
    assert (found.status, [one["field"] for one in found.body["errors"]]) == (422, fields)


async def test_an_unknown_manager_is_told_who_there_is(api: Api) -> None:
    found = await save(api, {"name": "И", "responsible": "ana"})
    assert 'did you mean "anna"?' in found.body["errors"][0]["message"]


async def test_a_card_is_made(api: Api) -> None:
    contact = (await save(api, IVAN)).body["id"]
    made = await api.ask("POST", "/cards", json={"contact": contact, "source": "fair"})
    assert (made.status, made.body["manager"], made.body["status"]) == (201, "anna", "new")
    assert (made.body["source"], made.body["contact"]["id"]) == ("fair", contact)
    more = await api.ask(
        "POST", "/cards", json={"contact": contact, "manager": "vera", "status": "offer_sent"}
    )
    assert (more.body["manager"], more.body["number"]) == ("vera", made.body["number"] + 1)
    listed = (await api.get("/cards", phone="89161234567")).body["items"]
    assert {one["id"] for one in listed} == {more.body["id"], made.body["id"]}
    timeline = (await api.get(f"/cards/{more.body['id']}")).body["timeline"]
    assert {one.get("by") or one["actor"] for one in timeline} == {"token:a admin"}


async def test_a_card_of_nobody_that_is_there_is_refused(api: Api) -> None:
    found = await api.ask("POST", "/cards", json={"contact": NOBODY, "manager": "petr"})
    assert (found.status, [one["field"] for one in found.body["errors"]]) == (
        422,
        ["contact", "manager"],
    )


async def test_parts_of_the_name_and_what_phones_are_for(api: Api) -> None:
    body = {
        "name": "Иван Петров",
        "first_name": "Иван",
        "last_name": "Петров",
        "phones": ["+79160000001", "8 916 000-00-02"],
        "phone_labels": {"8 (916) 000-00-02": "дом"},
    }
    made = await api.ask("POST", "/contacts", json=body)
    assert made.status == 201
    one = made.body
    assert (one["first_name"], one["middle_name"], one["last_name"]) == ("Иван", None, "Петров")
    assert one["phone_labels"] == {"+79160000002": "дом"}
    path = f"/contacts/{one['id']}"
    change = {"first_name": "Пётр", "name_confirmed": False, "phone_labels": {"+79160000002": ""}}
    changed = (await api.ask("PATCH", path, json=change)).body
    assert (changed["first_name"], changed["last_name"]) == ("Пётр", "Петров")
    assert (changed["name_confirmed"], changed["phone_labels"]) == (False, {})
    again = (await api.ask("PATCH", path, json={"comment": "Чай"})).body
    assert again["first_name"] == "Пётр", "what is not named stays"
    assert (await api.get("/contacts")).body["items"][0]["last_name"] == "Петров"


async def test_a_number_is_given_to_a_contact_and_taken_from_another(api: Api) -> None:
    two = [
        (await api.ask("POST", "/contacts", json={"name": name, "phones": [phone]})).body["id"]
        for name, phone in (("Иван", "+79160000001"), ("Пётр", "+79160000002"))
    ]
    path, given = f"/contacts/{two[1]}/phones", {"phone": "8 916 000-00-01", "label": "работа"}
    shared = await api.ask("POST", path, json=given)
    assert shared.status == 200
    assert shared.body["phones"] == ["+79160000001", "+79160000002"]
    assert shared.body["phone_labels"] == {"+79160000001": "работа"}
    assert (await api.get(f"/contacts/{two[0]}")).body["phones"] == ["+79160000001"]
    await api.ask("POST", path, json={**given, "take_from": [two[0]]})
    assert (await api.get(f"/contacts/{two[0]}")).body["phones"] == []
    wrong = await api.ask("POST", path, json={"phone": "112"})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "phone")
    nobody = f"/contacts/{'0' * 26}/phones"
    assert (await api.ask("POST", nobody, json=given)).status == 404
