"""Logs: JSON lines on standard error, one for each webhook and job, phones masked at the logger."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from callrouter.domain.phones import masked

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_PHONE = re.compile(r"\+?\d[\d\-() ]{6,}\d")
_PLAIN = frozenset({"timestamp", "call"})  # ours, and made of digits


def mask_phones(
    _logger: Any,  # noqa: ANN401  structlog's signature
    _method: str,
    line: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """Hide whatever looks like a phone in the values of a line."""
    for key, value in line.items():
        if isinstance(value, str) and key not in _PLAIN and _PHONE.search(value):
            line[key] = _PHONE.sub(lambda found: masked(found.group()), value)
    return line


def set_up_logs(*, level: str = "INFO", pretty: bool = False) -> None:
    """Log to standard error; the standard library's loggers take the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_phones,
    ]
    shown: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, shown],
        )
    )
    handler.addFilter(_is_ours_to_tell)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _is_ours_to_tell(record: logging.LogRecord) -> bool:
    """False for aiohttp's words on malformed requests: they quote what came, phones and all."""
    error = record.exc_info[0] if record.exc_info else None
    return not (error and issubclass(error, HttpProcessingError))
