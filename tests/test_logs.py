"""No phone reaches a log line, whoever writes it and however it is spelled."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage

from callrouter.logs import mask_phones, set_up_logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        "+79161234567",
        "call from 8 (916) 123-45-67 refused",
        "sip:79161234567@pbx.example.com",
        "/webhooks/pbx/main?caller=89161234567",
    ],
)
def test_a_phone_in_a_value_is_masked(text: str) -> None:
    line = mask_phones(None, "info", {"event": "x", "said": text})
    assert "1234567" not in str(line["said"]).replace("-", "").replace(" ", "")


def test_what_is_no_phone_stays() -> None:
    line = {
        "event": "x",
        "call": "01M7ZV1DDHMQY9ZZ8GEZTBK09M",
        "batch": 20,
        "reason": "wrong secret",
    }
    assert mask_phones(None, "info", dict(line)) == line


def test_lines_are_json_and_the_standard_library_takes_the_same_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs()
    structlog.get_logger().info("webhook", said="+79161234567", name="Иван\nПетров")
    logging.getLogger("somebody").warning("call from %s", "+79161234567")
    first, second = capsys.readouterr().err.strip().splitlines()
    assert json.loads(first)["name"] == "Иван\nПетров"
    assert "4567" not in first
    assert "79161234567" not in second


def test_aiohttps_words_on_malformed_requests_are_dropped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs()
    error = BadHttpMessage("caller=+79161234567")
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
    logging.getLogger("aiohttp.server").error("another error")
    assert json.loads(capsys.readouterr().err)["event"] == "another error"
