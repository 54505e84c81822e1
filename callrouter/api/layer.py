"""The layer between HTTP and the nouns: reads requests by type hints, writes what comes back.

    @routes.get("/cards/{id}", roles=READERS)
    async def get_card(asked: Asked, path: ById) -> CardWithTimeline: ...

`path`, `query` and `body` are pydantic models, the result is anything pydantic can write. The
function's name is the operationId, its docstring the description.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from callrouter.api.fields import plain
from callrouter.api.keys import Keys
from callrouter.api.languages import preferred
from callrouter.api.problems import Problem, invalid
from callrouter.domain.setup import Language, Role
from callrouter.service import Service
from storage.listing import Viewer

READERS: Final[frozenset[Role]] = frozenset({"manager", "head", "admin", "auditor"})
WRITERS: Final[frozenset[Role]] = frozenset({"manager", "head", "admin"})
MOST_BYTES = 64 * 1024

F = TypeVar("F", bound=Callable[..., Awaitable[object]])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, in which language, and the service that he asks. `token`: its name."""

    service: Service
    viewer: Viewer
    language: Language
    token: str = ""

    @property
    def by(self) -> str:
        """How the base names who did what is asked."""
        return f"token:{self.token}"[:64]


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A result whose status is another than the operation's own."""

    body: T
    status: int


@dataclass(frozen=True, slots=True)
class File:
    """A result that is a file as it lies on the disk; `Range` is honoured."""

    path: Path
    media_type: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address. `takes` holds readers of `path`, `query` and `body`.

    `media`: of which types a File may be that it gives.
    """

    method: str
    path: str
    roles: frozenset[Role]
    function: Callable[..., Awaitable[object]]
    takes: Mapping[str, TypeAdapter[Any]]
    gives: TypeAdapter[Any]
    status: int = 200
    others: tuple[int, ...] = ()  # what a Reply may have instead
    media: tuple[str, ...] = ("application/json",)

    @property
    def name(self) -> str:
        return self.function.__name__


class Routes:
    """The operations of one noun. Raises TypeError for one that is not declared whole."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def get(self, path: str, *, roles: Collection[Role] = ()) -> Callable[[F], F]:
        return self._route("GET", path, roles)

    def file(
        self, path: str, *, roles: Collection[Role] = (), media: Collection[str]
    ) -> Callable[[F], F]:
        """An operation that gives a File of one of these types, or a part of it."""
        return self._route("GET", path, roles, others=(206,), media=tuple(media))

    def post(
        self,
        path: str,
        *,
        roles: Collection[Role] = (),
        status: int = 200,
        others: tuple[int, ...] = (),
    ) -> Callable[[F], F]:
        return self._route("POST", path, roles, status, others)

    def patch(self, path: str, *, roles: Collection[Role] = ()) -> Callable[[F], F]:
        return self._route("PATCH", path, roles)

    def delete(self, path: str, *, roles: Collection[Role] = ()) -> Callable[[F], F]:
        return self._route("DELETE", path, roles)

    def _route(
        self,
        method: str,
        path: str,
        roles: Collection[Role],
        status: int = 200,
        others: tuple[int, ...] = (),
        media: tuple[str, ...] = ("application/json",),
    ) -> Callable[[F], F]:
        def declare(function: F) -> F:
            operation = _operation(function, method, path, frozenset(roles), status)
            self.operations.append(replace(operation, others=others, media=media))
            return function

        return declare


def _operation(
    function: Callable[..., Awaitable[object]],
    method: str,
    path: str,
    roles: frozenset[Role],
    status: int,
) -> Operation:
    name = function.__name__
    hints = get_type_hints(function, include_extras=True)
    gives = hints.pop("return", None)
    if get_origin(gives) is Reply:
        (gives,) = get_args(gives)
    if not roles:
        raise TypeError(f"{name}: no role is named that may call it")
    if gives is None or hints.pop("asked", None) is not Asked or not hints.keys() <= _PARTS:
        raise TypeError(f"{name}: takes `asked` and of path, query, body what it needs, all typed")
    named = set(re.findall(r"{(\w+)}", path))
    read = set(hints["path"].model_fields) if "path" in hints else set()
    if named != read:
        raise TypeError(f"{name}: {path} names {sorted(named)} and its model {sorted(read)}")
    if not inspect.getdoc(function):
        raise TypeError(f"{name}: its docstring is what openapi.json says of it")
    takes = {part: TypeAdapter(model) for part, model in hints.items()}
    written = TypeAdapter(bytes if gives is File else gives)
    return Operation(method, path, roles, function, takes, written, status)


_PARTS = {"path", "query", "body"}


def serve(operation: Operation, service: Service, keys: Keys) -> Callable[..., Any]:
    """The aiohttp handler of an operation: trust, reading, the function, writing."""

    async def handle(request: web.Request) -> web.StreamResponse:
        token = await keys.check(request, operation.roles)
        language = preferred(
            request.headers.get("Accept-Language", ""), service.setups.current.company.language
        )
        asked = Asked(service, Viewer(token.role), language, token.name)
        given = {part: await _READ[part](request, take) for part, take in operation.takes.items()}
        result = await operation.function(asked, **given)
        if isinstance(result, File):
            return _send_file(result)
        status = operation.status
        if isinstance(result, Reply):
            result, status = result.body, result.status
        return web.Response(
            text=write(operation.gives, result),
            status=status,
            content_type="application/json",
            headers={"Cache-Control": "no-store", "Content-Language": language},
        )

    return handle


def _send_file(file: File) -> web.FileResponse:
    """Whatever is in it, a browser takes it for what we say and runs nothing of it."""
    return web.FileResponse(
        file.path,
        headers={
            "Content-Type": file.media_type,
            "Content-Disposition": f'attachment; filename="{file.path.name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        },
    )


def write(gives: TypeAdapter[Any], result: object) -> str:
    """A result as JSON text; commands print the same bodies with it."""
    return json.dumps(gives.dump_python(result), default=plain, ensure_ascii=False)


async def _read_path(request: web.Request, take: TypeAdapter[Any]) -> object:
    try:
        return take.validate_python(dict(request.match_info))
    except ValidationError:
        raise web.HTTPNotFound from None  # no such thing can be there


async def _read_query(request: web.Request, take: TypeAdapter[Any]) -> object:
    query = request.query
    sent = {key: query.getall(key) for key in query}
    try:
        return take.validate_python(
            {key: many[0] if len(many) == 1 else many for key, many in sent.items()}
        )
    except ValidationError as error:
        raise invalid(error) from None


async def _read_body(request: web.Request, take: TypeAdapter[Any]) -> object:
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, "The body must be application/json in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "The body must come without Content-Encoding.")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Problem(413, f"A body has at most {MOST_BYTES} bytes.")
    try:
        return take.validate_json(bytes(body), strict=True)
    except ValidationError as error:
        broken = any(one["type"] == "json_invalid" for one in error.errors())
        raise invalid(error, status=400 if broken else 422) from None


_READ: Mapping[str, Callable[[web.Request, TypeAdapter[Any]], Awaitable[object]]] = {
    "path": _read_path,
    "query": _read_query,
    "body": _read_body,
}
