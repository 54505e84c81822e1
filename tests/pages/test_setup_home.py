"""`/setup`: drafts begun, published and thrown away, versions, a file applied, who may what."""

from __future__ import annotations

import re
from functools import partial

import pytest

from callrouter.flows import tuning
from callrouter.flows.apply import apply
from callrouter.setup_file.editing import put_table
from storage import drafts, setups
from tests.api.rows import NOON
from tests.pages.conftest import Seen, Site
from tests.setup_file.good import GOOD

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def desk(site: Site) -> Site:
    """An admin's, where a file was applied as version 1."""
    write, service = site.service.database.write, site.service
    await write(apply, GOOD, seal=service.seal, now=NOON)
    site.setups.current = await service.database.read(setups.load, 1)
    return site


async def post(desk: Site, path: str, **form: str) -> Seen:
    return await desk.ask("POST", path, headers=SAME, data=form)


async def begin(desk: Site, name: str = "Весна") -> str:
    where = (await post(desk, "/setup/drafts", name=name)).headers["Location"]
    return str(where).rpartition("/")[2]


async def tune(desk: Site, tries: int, draft: str | None = None) -> None:
    await desk.service.database.write(
        tuning.edit,
        partial(put_table, section="missed", written={"tries": tries}),
        seal=desk.service.seal,
        by="page:admin",
        now=NOON,
        draft=draft,
    )


def sure_of(tried: Seen) -> str:
    """What its button to apply it sends."""
    found = re.search(r'name="sure" value="([^"]+)"', tried.text)
    assert found, words(tried)
    return found[1]


def words(seen: Seen) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", seen.text).split())


async def test_a_draft_goes_from_its_name_to_being_in_force(desk: Site) -> None:
    assert "Версия 1 с 02.03.2026" in words(await desk.get("/setup"))
    id_ = await begin(desk)
    empty = await desk.get(f"/setup/drafts/{id_}")
    assert "Публиковать пока нечего" in words(empty)
    await tune(desk, 5, id_)
    shown = await desk.get(f"/setup/drafts/{id_}")
    assert "~ missed: tries 3 → 5" in words(shown)
    version = re.search(r'name="version" value="(\d+)"', shown.text)
    assert version
    done = await post(desk, f"/setup/drafts/{id_}/publish", version=version[1], note="<b>с мая")
    assert (done.status, done.headers["Location"]) == (303, "/setup/versions/2")
    told = await desk.get("/setup/versions/2")
    assert "~ missed: tries 3 → 5" in words(told)
    assert "&lt;b&gt;с мая" in told.text
    assert await desk.service.database.read(drafts.everybody) == []
    gone = await desk.get(f"/setup/drafts/{id_}")
    assert gone.headers["Location"] == "/setup?gone=1"
    assert "Этого черновика больше нет" in words(await desk.get("/setup?gone=1"))


async def test_what_was_typed_stays_with_what_is_wrong(desk: Site) -> None:
    refused = await post(desk, "/setup/drafts", name=" ")
    assert refused.status == 422
    assert "Дайте черновику название." in words(refused)
    long = await post(desk, "/setup/drafts", name="д" * 81)
    assert "В названии не больше 80 знаков." in words(long)
    assert "д" * 81 in long.text


async def test_a_draft_that_was_changed_or_clashes_is_not_published(desk: Site) -> None:
    id_ = await begin(desk)
    await tune(desk, 5, id_)
    stale = await post(desk, f"/setup/drafts/{id_}/publish", version="1", note="с мая")
    assert stale.status == 409
    assert "Черновик тем временем изменили" in words(stale)
    assert 'value="с мая"' in stale.text
    for none in ("9" * 5000, "²", "2 "):
        assert (await post(desk, f"/setup/drafts/{id_}/publish", version=none)).status == 409
    await tune(desk, 4)
    clash = await post(desk, f"/setup/drafts/{id_}/publish", version="2")
    assert clash.status == 409
    assert "missed.tries" in words(clash)
    assert (await post(desk, f"/setup/drafts/{id_}/discard")).headers["Location"] == "/setup"
    assert await desk.service.database.read(drafts.everybody) == []


async def test_what_people_changed_is_shown_beside_the_file(desk: Site) -> None:
    assert "Изменено на экране" not in words(await desk.get("/setup"))
    await tune(desk, 5)
    assert "Изменено на экране, а не в файле" in words(await desk.get("/setup"))
    file = await desk.get("/setup/setup.toml")
    assert "tries = 5" in file.text
    assert file.headers["Content-Disposition"] == 'attachment; filename="setup.toml"'


async def test_a_past_version_is_put_in_force_again(desk: Site) -> None:
    await tune(desk, 5)
    shown = words(await desk.get("/setup/versions/1"))
    assert "~ missed: tries 5 → 3" in shown
    done = await post(desk, "/setup/versions/1/again")
    assert done.headers["Location"] == "/setup/versions/3"
    listed = words(await desk.get("/setup/versions"))
    assert "Снова версия 1" in listed
    assert (await desk.get("/setup/versions/9")).status == 404
    assert (await post(desk, "/setup/versions/9/again")).status == 404


async def test_a_file_is_tried_before_it_is_applied(desk: Site) -> None:
    text = "[missed]\ntries = 7\n"
    tried = await post(desk, "/setup/file", text=text)
    assert "~ missed: tries 3 → 7" in words(tried)
    assert await desk.service.database.read(setups.current_version) == 1
    wrong = await post(desk, "/setup/file", text="[missed]\ntres = 7\n")
    assert wrong.status == 422
    assert "missed.tres" in words(wrong)
    assert "tres = 7" in wrong.text
    meant = await post(desk, "/setup/file", text='[company]\nduty = "verra"\n')
    assert "Может быть, «vera»?" in words(meant)
    await tune(desk, 5)
    lost = await post(desk, "/setup/file", text=text)
    assert "~ missed: tries 5 → 7" in words(lost)
    assert "Что в файле иначе, пропадёт" in words(lost)
    drafted = await post(desk, "/setup/file", text=text, draft="1")
    assert str(drafted.headers["Location"]).startswith("/setup/drafts/")
    assert await desk.service.database.read(setups.current_version) == 2
    applied = await post(desk, "/setup/file", text=text, sure=sure_of(lost))
    assert applied.headers["Location"] == "/setup/versions/3"


@pytest.mark.parametrize("what", ["text", "prune", "version", "mark"])
async def test_only_what_was_seen_is_applied(desk: Site, what: str) -> None:
    said = {"text": "[missed]\ntries = 7\n"}
    sure = sure_of(await post(desk, "/setup/file", **said))
    if what == "text":
        said["text"] += "term_min = 20\n"
    elif what == "prune":
        said["prune"] = "1"
        said["text"] = GOOD + said["text"]
        sure = sure_of(await post(desk, "/setup/file", text=said["text"]))
    elif what == "version":
        await tune(desk, 5)
    else:
        sure = "1"
    before = await desk.service.database.read(setups.current_version)
    again = await post(desk, "/setup/file", **said, sure=sure)
    assert again.status == 200
    assert "Это не то, что вы видели" in words(again)
    assert await desk.service.database.read(setups.current_version) == before
    applied = await post(desk, "/setup/file", **said, sure=sure_of(again))
    assert applied.headers["Location"] == f"/setup/versions/{before + 1}"


async def test_no_secret_is_shown_anywhere(desk: Site) -> None:
    secret = "a literal secret"
    text = GOOD.replace('"env:PBX_SECRET"', f'"{secret}"')
    tried = await post(desk, "/setup/file", text=text)
    assert secret in tried.text  # to be sent again
    seen = [await post(desk, "/setup/file", text=text, sure=sure_of(tried), follow="")]
    pages = ("/setup", "/setup/versions/2", "/setup/setup.toml", "/setup/versions")
    seen += [await desk.get(path) for path in pages]
    assert not [one for one in seen if secret in one.text or "sealed:" in one.text]
    assert 'secret = "kept"' in seen[3].text
