"""Notes and files of a card as a program writes and reads them."""

from __future__ import annotations

import io

from tests.api.conftest import Api
from tests.api.rows import add_card


async def test_notes_are_written_listed_and_deleted(api: Api) -> None:
    card = await api.service.database.write(lambda conn: add_card(conn, None))
    path = f"/cards/{card}/notes"
    made = [await api.ask("POST", path, json={"text": f"Заметка {n}"}) for n in range(3)]
    assert [one.status for one in made] == [201] * 3
    page = (await api.get(path, limit=2)).body
    rest = (await api.get(path, limit=2, cursor=page["next"])).body
    found = [*page["items"], *rest["items"]]
    assert sorted(one["text"] for one in found) == ["Заметка 0", "Заметка 1", "Заметка 2"]
    assert rest["next"] is None
    mine = f"{path}/{made[0].body['id']}"
    changed = await api.ask("PATCH", mine, json={"text": "Новое", "pinned": True})
    assert (changed.body["text"], changed.body["pinned"]) == ("Новое", True)
    assert (await api.ask("POST", path, json={"text": " "})).status == 422
    assert (await api.ask("POST", path, json={"text": "я" * 10_001})).status == 422
    gone = await api.ask("DELETE", mine)
    assert (gone.body["text"], gone.body["deleted_at"] is not None) == ("", True)
    assert (await api.ask("PATCH", mine, json={"pinned": True})).status == 409
    none = f"/cards/{'01' + 'Z' * 24}/notes"
    assert (await api.get(none)).status == 404
    assert (await api.ask("POST", none, json={"text": "x"})).status == 404
    titled = await api.ask("PATCH", f"/cards/{card}", json={"title": "  Столы \n в офис "})
    assert titled.body["title"] == "Столы в офис"
    long = await api.ask("PATCH", f"/cards/{card}", json={"title": "я" * 201})
    assert long.status == 422


async def test_files_are_put_read_and_deleted(api: Api) -> None:
    card = await api.service.database.write(lambda conn: add_card(conn, None))
    path = f"/cards/{card}/attachments"
    plan = b"{}" + b" " * (6 << 20)  # more than other uploads may have
    made = await api.ask("POST", path, params={"name": "план.pdf"}, data=io.BytesIO(plan))
    assert (made.status, made.body["type"]) == (201, "application/octet-stream")
    one = f"{path}/{made.body['id']}"
    assert [found["name"] for found in (await api.get(path)).body["items"]] == ["план.pdf"]
    assert (await api.ask("POST", path, params={"name": "x.txt"}, data=b"")).status == 422
    large = io.BytesIO(bytes((25 << 20) + 1))
    too_large = await api.ask("POST", path, params={"name": "x"}, data=large)
    assert too_large.status == 413
    given = await api.get(f"{one}/content")
    assert (given.status, given.text) == (200, plan.decode())
    gone = await api.ask("DELETE", one)
    assert gone.body["deleted_at"] is not None
    assert (await api.get(f"{one}/content")).status == 404
