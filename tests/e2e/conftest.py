"""A browser and a running demo: what somebody meets who has just typed `make run`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, StorageState, async_playwright, expect

from tests.running import free_port

ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = "Chromium is missing, so no page is looked at. On Debian: apt-get install chromium"
HERE = Path(__file__).parents[2]

expect.set_options(timeout=20_000)  # machines are shared: slow is no fault of the page


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium. Where CI is set, not having one is a failure."""
    path = find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=path, args=ARGS)
        yield found
        await found.close()


@dataclass
class Demo:
    """A running demo. `link` opens its pages once."""

    folder: Path
    url: str
    link: str
    visit: StorageState | None = None

    @property
    def base_url(self) -> str:
        return f"sqlite:///{self.folder}/var/demo/callrouter.db"

    def new_link(self) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "callrouter", "link", "--demo"],
            cwd=self.folder,
            env=_environ(),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        token = re.search(r"/enter/([\w-]+)", done.stdout)
        assert token, done.stdout
        return f"{self.url}/enter/{token[1]}"


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with playing(tmp_path_factory.mktemp("demo"), "--quiet") as one:
        yield one


@contextmanager
def playing(folder: Path, *words: str) -> Iterator[Demo]:
    """`callrouter demo WORDS` in a folder of its own, until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "callrouter", "demo", *words, "--port", str(port)],
        cwd=folder,
        env=_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Demo(folder, f"http://127.0.0.1:{port}", _link(process))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def _link(process: subprocess.Popen[str]) -> str:
    """Read what it prints up to the link."""
    assert process.stdout
    printed = []
    for line in process.stdout:
        printed.append(line)
        if found := re.search(r"http://\S+/enter/\S+", line):
            return found[0]
    raise AssertionError("the demo did not start:\n" + "".join(printed))
