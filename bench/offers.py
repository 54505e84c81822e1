"""Offers as PDF: how many a second, by one child and by two; letters, DOCX and ODT, by one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import repeat

from bench.report import Report, progress
from callrouter.forming.press import Press, shipped
from tests.forming.papers import LETTER, PUMP, offer_of

ROWS = 15
PAPERS = 100
OFFER = offer_of(repeat(PUMP, ROWS))

Work = Callable[[Press], Awaitable[object]]


def forming(report: Report, rounds: int) -> None:
    """Into the report: the best of the rounds, warm."""
    progress("offers and letters, formed")
    for children in (1, 2):
        speed = max(asyncio.run(_speed(children, _pdf, PAPERS)) for _ in range(rounds))
        child = "one child" if children == 1 else "two children"
        report.say(f"offers/s, PDF of {ROWS} rows, {child}", f"{speed:.0f}")
        report.keep(f"offers/s, {children}", speed)
    for what, work in (("DOCX", _docx), ("ODT", _odt), ("letters", _letter)):
        speed = max(asyncio.run(_speed(1, work, PAPERS // 4)) for _ in range(rounds))
        report.say(f"{what}/s, one child", f"{speed:.0f}")
        report.keep(f"{what}/s", speed)


async def _speed(children: int, work: Work, count: int) -> float:
    press = Press(children)
    try:
        await asyncio.gather(*(work(press) for _ in range(4 * children)))
        began = time.perf_counter()
        await asyncio.gather(*(work(press) for _ in range(count)))
        return count / (time.perf_counter() - began)
    finally:
        press.close()


async def _pdf(press: Press) -> object:
    return await press.offer(OFFER, shipped("offer", "pdf", "ru"), "pdf")


async def _docx(press: Press) -> object:
    return await press.offer(OFFER, shipped("offer", "docx", "ru"), "docx")


async def _odt(press: Press) -> object:
    return await press.offer(OFFER, shipped("offer", "odt", "ru"), "odt")


async def _letter(press: Press) -> object:
    return await press.letter(shipped("offer", "html", "ru"), LETTER)
