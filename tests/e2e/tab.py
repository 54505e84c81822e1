"""A page in a browser, and what its browser thinks of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Page, Request, ViewportSize

WIDE: ViewportSize = {"width": 1440, "height": 1000}
NARROW: ViewportSize = {"width": 390, "height": 844}
SHOTS = Path(__file__).parents[1] / "shots"


@dataclass
class Tab:
    """A page, and what its browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def lost(self, request: Request) -> None:
        # What was on its way when its page was left is dropped by the browser itself.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    async def fits(self) -> bool:
        """Whether nothing sticks out to the side."""
        script = "document.documentElement.scrollWidth <= window.innerWidth"
        return bool(await self.page.evaluate(script))

    async def shoot(self, name: str) -> None:
        """Keep a picture where `SHOTS=1` asks for them."""
        if os.environ.get("SHOTS"):
            SHOTS.mkdir(exist_ok=True)
            await self.page.screenshot(path=SHOTS / f"{name}.png")


def watch(page: Page) -> Tab:
    tab = Tab(page)
    page.on("console", lambda said: tab.complaints.append(said.text))
    page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    page.on("requestfailed", tab.lost)
    return tab


CONTRAST = """(selector) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((n) => n / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const one = document.querySelector(selector);
  let under = one;
  while (getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)") under = under.parentElement;
  const [a, b] = [getComputedStyle(one).color, getComputedStyle(under).backgroundColor].map(light);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


async def contrast(page: Page, selector: str) -> float:
    """The contrast of a text and what is under it, as WCAG 2 counts it."""
    return float(await page.evaluate(CONTRAST, selector))
