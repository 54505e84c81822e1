"""Errors as problem documents (RFC 9457, read 2026-11-21), for everything under the API."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus

import structlog
from aiohttp import web
from pydantic import ValidationError

from callrouter.flows.seeing import MayNot, NotSeen
from storage.database import BaseSilent
from storage.files import FilesSilent

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a request; `field` is a dotted path."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    type: str
    title: str
    status: int
    detail: str
    errors: Sequence[FieldProblem] = ()


class Problem(Exception):
    """A request that is answered with a problem document. `detail` never repeats what was sent."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def response(self) -> web.Response:
        title = HTTPStatus(self.status).phrase
        document = ProblemDocument("about:blank", title, self.status, self.detail, self.errors)
        return web.Response(
            text=json.dumps(asdict(document), ensure_ascii=False),
            status=self.status,
            content_type=MEDIA_TYPE,
            headers={**self.headers, "Cache-Control": "no-store"},
        )


def invalid(error: ValidationError, *, status: int = 422) -> Problem:
    """What pydantic found, without the values that it found it in."""
    errors = tuple(
        FieldProblem(".".join(map(str, one["loc"])), one["msg"])
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return Problem(status, "The request does not have the form that openapi.json gives.", errors)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever goes wrong with a problem document; one log line per request."""
    started = time.perf_counter()
    error: Exception | None = None
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem.response()
    except NotSeen as unseen:
        response = Problem(404, f"There is no such {unseen.noun}.").response()
    except MayNot as lacking:
        response = Problem(403, f"This needs the right `{lacking.right}`.").response()
    except web.HTTPException as refusal:
        response = _of_aiohttp(refusal).response()
    except BaseSilent as silent:
        error, response = silent, _SILENT.response()
    except FilesSilent as silent:
        error, response = silent, _NO_FILES.response()
    except Exception as bug:  # noqa: BLE001  a program gets a document for our bug too
        error, response = bug, _BUG.response()
    _note(request, response.status, time.perf_counter() - started, error)
    return response


_SILENT = Problem(503, "The base does not answer now; try again.", headers={"Retry-After": "1"})
_NO_FILES = Problem(
    503, "Where the files are kept gives no answer now; try again.", headers={"Retry-After": "10"}
)
_BUG = Problem(500, "This is a fault of ours. It was noted; trying again may not help.")

_WORDS = {
    404: "There is nothing at this address; openapi.json says what there is.",
    405: "This address does not take this method; Allow says which it takes.",
}


def _of_aiohttp(refusal: web.HTTPException) -> Problem:
    allow = refusal.headers.get("Allow")
    detail = _WORDS.get(refusal.status, refusal.reason)
    return Problem(refusal.status, detail, headers={"Allow": allow} if allow else {})


def _note(request: web.Request, status: int, seconds: float, error: Exception | None) -> None:
    """The route and never the address: an address holds phones and names."""
    resource = request.match_info.route.resource
    told = {
        "method": request.method,
        "route": resource.canonical if resource else "?",
        "status": status,
        "ms": round(seconds * 1000, 1),
    }
    if error is None:
        log.info("api", **told)
        return
    # An error's text may hold what was asked, so its name and its places must do.
    places = [f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)]
    log.error("api", **told, error=type(error).__name__, places=places[-8:])
