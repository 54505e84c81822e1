"""The setup over the API: read, applied, drafted, published, taken back; secrets are never told."""

from __future__ import annotations

import pytest

from callrouter.flows.apply import apply
from callrouter.service import Service
from tests.api.conftest import Api
from tests.api.rows import NOON
from tests.setup_file.good import GOOD

TRIES = "[missed]\ntries = 5\n"


@pytest.fixture(autouse=True)
async def _applied(service: Service) -> None:
    await service.database.write(apply, GOOD, seal=service.seal, now=NOON)


async def test_a_file_is_tried_applied_and_told_as_it_is_then(api: Api) -> None:
    before = (await api.get("/setup")).body
    tried = await api.ask("POST", "/setup", json={"text": TRIES, "dry_run": True})
    assert tried.body["changes"] == ["~ missed: tries 3 → 5"]
    assert (await api.get("/setup")).body == before
    applied = await api.ask("POST", "/setup", json={"text": TRIES})
    assert applied.body["version"] == before["version"] + 1
    now = (await api.get("/setup")).body
    assert "tries = 5" in now["text"]
    assert now["changed_on_screen"] == []
    same = await api.ask("POST", "/setup", json={"text": now["text"]})
    assert same.body["changes"] == []
    first = (await api.get("/setup/versions?limit=1")).body
    assert [one["by"] for one in first["items"]] == ["apply"]
    assert first["items"][0]["until"] is None


async def test_a_past_version_is_told_with_what_going_back_would_change(api: Api) -> None:
    first = (await api.get("/setup")).body
    await api.ask("POST", "/setup", json={"text": TRIES})
    past = await api.get(f"/setup/versions/{first['version']}")
    assert (past.status, past.body["text"], past.body["by"]) == (200, first["text"], "apply")
    assert past.body["until"] is not None
    assert past.body["back"] == ["~ missed: tries 5 → 3"]
    now = (await api.get(f"/setup/versions/{first['version'] + 1}")).body
    assert (now["changes"], now["back"]) == (["~ missed: tries 3 → 5"], [])
    assert (await api.get("/setup/versions/99")).status == 404
    assert (await api.get("/setup/versions/x")).status == 404
    assert (await api.ask("GET", "/setup/versions/1", role="manager")).status == 403


async def test_what_is_wrong_is_named_as_in_the_file_and_nothing_changes(api: Api) -> None:
    for text, field in (
        ("[missed]\ntries = 'x'", "missed.tries"),
        ("[missed", "end of document"),
        ("[[team]]\nkey = 'x'\nhead = 'zoe'", "team[x].head"),
    ):
        refused = await api.ask("POST", "/setup", json={"text": text})
        assert refused.status == 422
        assert [one["field"] for one in refused.body["errors"]] == [field]


@pytest.mark.parametrize(
    ("resort", "kept_as_draft"),
    [
        ("", 422),  # no setup at all
        ('last_resort = ""\n', 200),
        ('last_resort = " "\n', 200),
        ('last_resort = "+74951230001"\n', 200),
    ],
)
async def test_a_line_without_a_last_resort_is_refused(
    api: Api, resort: str, kept_as_draft: int
) -> None:
    before, field = (await api.get("/setup")).body, "line[+74951230001].last_resort"
    text = f'[[line]]\nnumber = "+74951230001"\naccount = "main"\n{resort}'
    for dry_run in (True, False):
        refused = await api.ask("POST", "/setup", json={"text": text, "dry_run": dry_run})
        assert refused.status == 422
        assert [one["field"] for one in refused.body["errors"]] == [field]
    made = await api.ask("POST", "/drafts", json={"name": "Весна"})
    path = f"/drafts/{made.body['draft']['id']}"
    kept = await api.ask("PATCH", path, json={"text": text})
    said = kept.body["errors"] if kept_as_draft == 422 else kept.body["problems"]
    assert kept.status == kept_as_draft
    assert [one.get("field", one.get("key")) for one in said] == [field]
    published = await api.ask("POST", f"{path}/publish", json={})
    assert published.status == (422 if kept_as_draft == 200 else 200)
    assert (await api.get("/setup")).body == before


async def test_a_draft_is_changed_looked_at_and_published(api: Api) -> None:
    made = await api.ask("POST", "/drafts", json={"name": "Весна"})
    assert made.status == 201
    path = f"/drafts/{made.body['draft']['id']}"
    wrong = await api.ask("PATCH", path, json={"text": "[[team]]\nkey = 'x'\nhead = 'zoe'"})
    assert [one["key"] for one in wrong.body["problems"]] == ["team[x].head"]
    assert (await api.ask("POST", f"{path}/publish", json={})).status == 422
    stale = await api.ask("PATCH", path, json={"text": TRIES, "version": 1})
    assert stale.status == 409
    righted = "[[team]]\nkey = 'x'\n" + TRIES
    right = await api.ask("PATCH", path, json={"text": righted, "version": 2})
    assert right.body["changes"] == ["+ team x", "~ missed: tries 3 → 5"]
    assert (right.body["problems"], right.body["conflicts"]) == ([], [])
    assert [one["name"] for one in (await api.get("/drafts")).body["items"]] == ["Весна"]
    done = await api.ask("POST", f"{path}/publish", json={"note": "с мая", "version": 3})
    assert done.body["changes"] == right.body["changes"]
    (newest,) = (await api.get("/setup/versions?limit=1")).body["items"]
    assert (newest["note"], newest["by"]) == ("с мая", "token:a admin")
    assert (await api.get(path)).status == 404
    assert (await api.get("/setup")).body["changed_on_screen"] == right.body["changes"]
    file = {"text": "[missed]\ntries = 4"}
    assert (await api.ask("POST", "/setup", json=file)).status == 409
    assert (await api.ask("POST", "/setup", json={**file, "force": True})).status == 200


async def test_two_drafts_of_the_same_are_told(api: Api) -> None:
    one, two = [
        (await api.ask("POST", "/drafts", json={"name": name})).body["draft"]["id"]
        for name in ("а", "б")
    ]
    await api.ask("PATCH", f"/drafts/{one}", json={"text": TRIES})
    await api.ask("PATCH", f"/drafts/{two}", json={"text": "[missed]\ntries = 9"})
    assert (await api.ask("POST", f"/drafts/{one}/publish", json={})).status == 200
    refused = await api.ask("POST", f"/drafts/{two}/publish", json={})
    assert refused.status == 409
    assert [error["field"] for error in refused.body["errors"]] == ["missed.tries"]
    assert (await api.ask("DELETE", f"/drafts/{two}")).body == {"items": []}


async def test_a_past_version_comes_back(api: Api) -> None:
    first = (await api.get("/setup")).body
    await api.ask("POST", "/setup", json={"text": TRIES})
    back = await api.ask("POST", f"/setup/versions/{first['version']}/again")
    assert back.body["changes"] == ["~ missed: tries 5 → 3"]
    assert (await api.get("/setup")).body["text"] == first["text"]
    assert (await api.ask("POST", "/setup/versions/999/again")).status == 404


async def test_who_sees_the_setup_may_not_change_it(api: Api) -> None:
    for role in ("head", "auditor"):
        assert (await api.ask("GET", "/setup", role=role)).status == 200
        assert (await api.ask("POST", "/setup", json={"text": ""}, role=role)).status == 403
    assert (await api.ask("GET", "/setup", role="manager")).status == 403
