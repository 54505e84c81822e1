"""What browsers load: ours as it stands, that of others as the build fetched it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callrouter.pages.assets import assets
from tests.pages.conftest import Site

WEB = Path(__file__).parents[2] / "web"
IMPORT = re.compile(
    r'^import .*? from "(\./[^"]+)";|import\("(\./[^"]+)"\)|from "(/static/[^"]+)"', re.MULTILINE
)


@pytest.mark.parametrize("name", ["vendor/htmx.js", "vendor/sortable.js", "callrouter.css"])
async def test_it_is_given_with_its_type_and_known_again(site: Site, name: str) -> None:
    seen = await site.get(f"/static/{name}", visitor=False)
    assert (seen.status, seen.headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert seen.headers["Content-Type"].split(";")[0] in ("text/javascript", "text/css")
    known = {"If-None-Match": seen.headers["ETag"]}
    assert (await site.get(f"/static/{name}", visitor=False, headers=known)).status == 304


@pytest.mark.parametrize(
    "name",
    ["../pyproject.toml", "package.json", "vendor/stamp", "x.js"],
)
async def test_nothing_else_is(site: Site, name: str) -> None:
    assert (await site.get(f"/static/{name}", visitor=False)).status == 404


@pytest.mark.parametrize("script", sorted(WEB.glob("*.js")), ids=lambda path: path.name)
def test_every_module_that_is_asked_for_is_there(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    wanted = [next(filter(None, found)) for found in IMPORT.findall(text)]
    names = {one.removeprefix("./").removeprefix("/static/") for one in wanted}
    assert names <= assets().keys()


def test_no_page_loads_from_elsewhere() -> None:
    pages = Path(WEB.parent / "templates" / "pages")
    wanted = {
        (page.name, name)
        for page in pages.glob("*.html")
        for name in re.findall(r'(?:src|href)="/static/([^"{]+)"', page.read_text(encoding="utf-8"))
    }
    assert wanted
    assert {name for _, name in wanted} <= assets().keys()
    foreign = r'<(?:script|link|img|iframe|audio|video)[^>]+(?:src|href)="(?:https?:)?//'
    assert not [page.name for page in pages.glob("*.html") if re.search(foreign, page.read_text())]


def test_no_page_has_a_script_or_style_of_its_own() -> None:
    pages = Path(WEB.parent / "templates" / "pages")
    own = r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+="
    assert not [page.name for page in pages.glob("*.html") if re.search(own, page.read_text())]
