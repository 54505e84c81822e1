"""The layer between HTTP and the nouns: reads requests by type hints, writes what comes back.

    @routes.get("/cards/{id}", right="look")
    async def get_card(asked: Asked, path: ById) -> CardWithTimeline: ...

`path`, `query` and `body` are pydantic models, the result is anything pydantic can write. The
function's name is the operationId, its docstring the description. `right` is what whoever asks must
have; and where the address names one thing by its id, he must see it, else there is none: 404.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from callrouter.api.fields import plain
from callrouter.api.keys import Keys
from callrouter.api.languages import preferred
from callrouter.api.problems import Problem, invalid
from callrouter.domain.rights import RIGHTS, Right
from callrouter.domain.setup import Language, Role
from callrouter.flows.seeing import check_seen, noun_of
from callrouter.handing_out import give, hand_out
from callrouter.service import Service
from storage.listing import Viewer
from storage.sight import Noun

MOST_BYTES = 64 * 1024
MOST_UPLOAD = 5 * 1024**2

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
    """A result that is a kept file; `Range` is honoured. `size`: as `service.files` gives it.

    `shown_as`: what a browser calls it when it is saved; empty: the end of its own name.
    """

    name: str
    size: int
    media_type: str
    shown_as: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A result that is a file in memory. `name`: as it is called by who gets it."""

    body: bytes
    media_type: str
    name: str


class Upload(bytes):
    """What a request brings as it is, of any type; `upload: Upload` is how it is taken."""

    __slots__ = ()


class Shape:
    """What is read or written. Its adapter is made when it is first needed: to make all of them
    would be a third of a server's start.
    """

    def __init__(self, of: Any) -> None:  # noqa: ANN401  whatever pydantic can read
        self._of = of

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._of)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address. `takes` holds readers of `path`, `query` and `body`.

    `media`: of which types a File or Download may be that it gives; `upload`: it takes one.
    """

    method: str
    path: str
    right: Right
    function: Callable[..., Awaitable[object]]
    takes: Mapping[str, Shape]
    gives: Shape
    status: int = 200
    others: tuple[int, ...] = ()  # what a Reply may have instead
    media: tuple[str, ...] = ("application/json",)
    upload: bool = False
    most_bytes: int = MOST_BYTES  # of a JSON body, or of an upload above MOST_UPLOAD

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def roles(self) -> frozenset[Role]:
        """Who has its right."""
        return frozenset(role for role, rights in RIGHTS.items() if self.right in rights)

    @property
    def noun(self) -> Noun | None:
        """Of what its address names one; None: of nothing that is anybody's."""
        return noun_of(self.path)


class Routes:
    """The operations of one noun. Raises TypeError for one that is not declared whole."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def get(self, path: str, *, right: Right | None = None) -> Callable[[F], F]:
        return self._route("GET", path, right)

    def file(
        self,
        path: str,
        *,
        right: Right | None = None,
        media: Collection[str],
    ) -> Callable[[F], F]:
        """An operation that gives a File of one of these types, or a part of it."""
        return self._route("GET", path, right, others=(206,), media=tuple(media))

    def download(
        self,
        path: str,
        *,
        right: Right | None = None,
        media: Collection[str],
    ) -> Callable[[F], F]:
        """An operation that gives a Download of one of these types."""
        return self._route("GET", path, right, media=tuple(media))

    def preview(
        self,
        path: str,
        *,
        right: Right | None = None,
        media: Collection[str],
    ) -> Callable[[F], F]:
        """An operation that gives a Download made of what it is brought."""
        return self._route("POST", path, right, media=tuple(media))

    def post(
        self,
        path: str,
        *,
        right: Right | None = None,
        status: int = 200,
        others: tuple[int, ...] = (),
        most_bytes: int = MOST_BYTES,
    ) -> Callable[[F], F]:
        return self._route("POST", path, right, status, others, most_bytes=most_bytes)

    def patch(
        self,
        path: str,
        *,
        right: Right | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Callable[[F], F]:
        return self._route("PATCH", path, right, most_bytes=most_bytes)

    def put(
        self,
        path: str,
        *,
        right: Right | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Callable[[F], F]:
        return self._route("PUT", path, right, most_bytes=most_bytes)

    def delete(self, path: str, *, right: Right | None = None) -> Callable[[F], F]:
        return self._route("DELETE", path, right)

    def _route(
        self,
        method: str,
        path: str,
        right: Right | None,
        status: int = 200,
        others: tuple[int, ...] = (),
        media: tuple[str, ...] = ("application/json",),
        most_bytes: int = MOST_BYTES,
    ) -> Callable[[F], F]:
        def declare(function: F) -> F:
            operation = _operation(function, method, path, right, status)
            self.operations.append(
                replace(operation, others=others, media=media, most_bytes=most_bytes)
            )
            return function

        return declare


def _operation(
    function: Callable[..., Awaitable[object]],
    method: str,
    path: str,
    right: Right | None,
    status: int,
) -> Operation:
    name = function.__name__
    hints = get_type_hints(function, include_extras=True)
    gives = hints.pop("return", None)
    upload = hints.pop("upload", None) is Upload
    if get_origin(gives) is Reply:
        (gives,) = get_args(gives)
    if right is None:
        raise TypeError(f"{name}: no right is named that it needs")
    if gives is None or hints.pop("asked", None) is not Asked or not hints.keys() <= _PARTS:
        raise TypeError(f"{name}: takes `asked` and of path, query, body what it needs, all typed")
    named = set(re.findall(r"{(\w+)}", path))
    read = set(hints["path"].model_fields) if "path" in hints else set()
    if named != read:
        raise TypeError(f"{name}: {path} names {sorted(named)} and its model {sorted(read)}")
    if not inspect.getdoc(function):
        raise TypeError(f"{name}: its docstring is what openapi.json says of it")
    takes = {part: Shape(model) for part, model in hints.items()}
    written = Shape(bytes if gives in (File, Download) else gives)
    return Operation(method, path, right, function, takes, written, status, upload=upload)


_PARTS = {"path", "query", "body"}


def serve(operation: Operation, service: Service, keys: Keys) -> Callable[..., Any]:
    """The aiohttp handler of an operation: trust, reading, the function, writing."""

    async def handle(request: web.Request) -> web.StreamResponse:
        token, viewer = await keys.check(request, operation.right)
        language = preferred(
            request.headers.get("Accept-Language", ""), service.setups.current.company.language
        )
        asked = Asked(service, viewer, language, token.name)
        await _check_seen(request, service, viewer, operation.noun)
        given = {
            part: await _READ[part](request, take.adapter, operation)
            for part, take in operation.takes.items()
        }
        if operation.upload:
            given["upload"] = Upload(
                await _read_bytes(request, max(MOST_UPLOAD, operation.most_bytes))
            )
        result = await operation.function(asked, **given)
        if isinstance(result, File):
            return await _send(request, service, result)
        if isinstance(result, Download):
            return give(result.body, result.media_type, shown_as=result.name)
        status = operation.status
        if isinstance(result, Reply):
            result, status = result.body, result.status
        return web.Response(
            text=write(operation.gives.adapter, result),
            status=status,
            content_type="application/json",
            headers={"Cache-Control": "no-store", "Content-Language": language},
        )

    return handle


async def _check_seen(
    request: web.Request, service: Service, viewer: Viewer, noun: Noun | None
) -> None:
    """Raises NotSeen. An operation that writes looks once more in its own transaction: `within`."""
    id_ = request.match_info.get("id")
    if noun is not None and id_ is not None and viewer.people is not None:
        await service.database.read(check_seen, viewer, noun, id_)


async def _send(request: web.Request, service: Service, file: File) -> web.StreamResponse:
    try:
        return await hand_out(
            request,
            service.files,
            file.name,
            file.size,
            file.media_type,
            shown_as=file.shown_as,
        )
    except FileNotFoundError:
        raise web.HTTPNotFound from None  # gone since it was looked for


def write(gives: TypeAdapter[Any], result: object) -> str:
    """A result as JSON text; commands print the same bodies with it."""
    return json.dumps(gives.dump_python(result), default=plain, ensure_ascii=False)


async def _read_path(request: web.Request, take: TypeAdapter[Any], _: Operation) -> object:
    try:
        return take.validate_python(dict(request.match_info))
    except ValidationError:
        raise web.HTTPNotFound from None  # no such thing can be there


async def _read_query(request: web.Request, take: TypeAdapter[Any], _: Operation) -> object:
    query = request.query
    sent = {key: query.getall(key) for key in query}
    try:
        return take.validate_python(
            {key: many[0] if len(many) == 1 else many for key, many in sent.items()}
        )
    except ValidationError as error:
        raise invalid(error) from None


async def _read_body(request: web.Request, take: TypeAdapter[Any], operation: Operation) -> object:
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, "The body must be application/json in UTF-8.")
    body = await _read_bytes(request, operation.most_bytes)
    try:
        return take.validate_json(body, strict=True)
    except ValidationError as error:
        broken = any(one["type"] == "json_invalid" for one in error.errors())
        raise invalid(error, status=400 if broken else 422) from None


async def _read_bytes(request: web.Request, most: int) -> bytes:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "The body must come without Content-Encoding.")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise Problem(413, f"A body has at most {most} bytes.")
    return bytes(body)


_READ: Mapping[str, Callable[[web.Request, TypeAdapter[Any], Operation], Awaitable[object]]] = {
    "path": _read_path,
    "query": _read_query,
    "body": _read_body,
}
