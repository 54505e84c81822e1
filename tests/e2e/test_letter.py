"""What `make run` shows within two minutes: a call, its recording, the offer, the card that moved."""

from __future__ import annotations

import asyncio
import email
import io
import re
from collections import Counter
from collections.abc import Iterator
from email import policy
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from pypdf import PdfReader

from tests.e2e.conftest import Demo, playing
from tests.e2e.tab import NARROW, WIDE, watch
from tests.running import rows

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

COMES_MS = 150_000
"""Far more than it takes on a quiet machine, where the offer is there within a minute."""

SUBJECT = re.compile(r"Коммерческое предложение № КП-20\d\d-000\d — ООО «Ромашка»")
FILE = re.compile(r"КП № (\d+) от (\d\d\.\d\d\.20\d\d)( — .+)?\.pdf")


@pytest.fixture
def full_demo(tmp_path: Path) -> Iterator[Demo]:
    """As `make run` starts it: its PBX calls by itself."""
    with playing(tmp_path) as one:
        yield one


async def test_from_a_call_to_its_recording_and_its_letter(
    browser: Browser, full_demo: Demo
) -> None:
    context = await browser.new_context(viewport=WIDE)
    tab = watch(await context.new_page())
    await tab.page.goto(full_demo.link)
    await _read_offer(tab.page, full_demo)
    await tab.shoot("demo-letter")
    await tab.page.set_viewport_size(NARROW)
    assert await tab.fits()
    await _hear_call(tab.page, full_demo)
    assert await tab.fits()
    await tab.shoot("demo-recording")
    assert tab.complaints == []
    await context.close()
    await _each_card_once(full_demo)


async def _read_offer(page: Page, demo: Demo) -> None:
    """It comes onto the page by itself, with its file, and its card has moved on."""
    await page.goto(f"{demo.url}/demo/mail")
    mine = page.locator(".mail-list a").filter(has_text=SUBJECT)
    offer = mine.filter(has_not_text="скрытая копия").last
    await expect(offer).to_be_visible(timeout=COMES_MS)
    await offer.click()
    await expect(page.locator("#subject")).to_have_text(SUBJECT)
    letter = page.frame_locator(".mail-frame")
    await expect(letter.locator("body")).to_contain_text("предложение")
    async with page.expect_download() as started:
        await page.locator(".mail-files a").click()
    file = await started.value
    named = FILE.fullmatch(file.suggested_filename)
    assert named, file.suggested_filename
    paper = PdfReader(io.BytesIO((await file.path()).read_bytes()))
    said = " ".join(one.extract_text() for one in paper.pages)
    assert f"№ КП-{named[2][-4:]}-{int(named[1]):04}" in " ".join(said.split())
    moved = """
        SELECT document.number FROM letter JOIN card ON card.id = letter.card
        JOIN document ON document.id = letter.document
        WHERE letter.state = 'sent' AND card.status = 'offer_sent'"""
    await _comes(demo, moved, (int(named[1]),))  # once what the mail server said is written down


async def _hear_call(page: Page, demo: Demo) -> None:
    """A call that was answered has its talk on its page, and it plays."""
    kept = """
        SELECT call.id, recording.size, recording.seconds FROM recording
        JOIN call ON call.id = recording.call
        WHERE call.answered_at IS NOT NULL AND recording.seconds IS NOT NULL"""
    call, size, seconds = await _comes(demo, kept)
    await page.goto(f"{demo.url}/calls/{call}")
    await expect(page.locator("sound-player .player-wave")).to_be_in_viewport()
    player = page.locator("audio")
    async with page.expect_response(f"**/calls/{call}/recording?part=1") as answered:
        await player.evaluate("one => { one.muted = true; return one.play() }")
    answer = await answered.value
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes 0-{size - 1}/{size}"
    plays = "one => one.currentTime > 0.2"
    async with asyncio.timeout(30):
        while not await player.evaluate(plays):
            await asyncio.sleep(0.05)
    assert await player.evaluate("one => one.duration") == pytest.approx(seconds, abs=0.1)
    await player.evaluate("one => one.pause()")
    heard = "SELECT actor, call FROM business_event WHERE kind = 'recording_played'"
    assert await _asked(demo, heard) == [("page:admin", call)]


async def _each_card_once(demo: Demo) -> None:
    """One letter of a kind per card in the base, and one copy to each reader on the disk."""
    twice = "SELECT card, key FROM letter GROUP BY card, key HAVING count(*) > 1"
    assert await _asked(demo, twice) == []
    copies: Counter[tuple[str, str]] = Counter()
    for path in (demo.folder / "var/demo/mail").glob("*.eml"):
        head = email.message_from_bytes(path.read_bytes(), policy=policy.SMTPUTF8)
        copies[str(head["Message-ID"]), str(head["X-Demo-Envelope-To"])] += 1
    assert copies
    assert set(copies.values()) == {1}
    left = {message for message, _to in copies}
    sent = "SELECT message_id FROM letter WHERE state IN ('sent', 'sending')"
    assert left <= {one for (one,) in await _asked(demo, sent)}


async def _comes(demo: Demo, statement: str, row: tuple[Any, ...] | None = None) -> tuple[Any, ...]:
    """Ask the base until it has this row, or any."""
    async with asyncio.timeout(COMES_MS / 1000):
        while not (found := await _asked(demo, statement)) or (row and row not in found):
            await asyncio.sleep(0.5)
    return row or found[0]


async def _asked(demo: Demo, statement: str) -> list[tuple[Any, ...]]:
    return await rows(f"sqlite:///{demo.folder}/var/demo/callrouter.db", statement)
