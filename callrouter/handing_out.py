"""Gives a kept file to who asked for it over HTTP: whole, or the part that `Range` names.

A browser takes it for what we say it is, runs nothing of it and keeps no copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar
from urllib.parse import quote

import structlog
from aiohttp import web

from storage.files import Files, FilesSilent, Folder

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = ThreadPoolExecutor(8, thread_name_prefix="files_out")
"""Threads of their own: who waits for a slow store keeps nobody else waiting."""


async def in_thread(do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what waits for where the files lie."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, lambda: do(*args, **kwargs))


async def hand_out(
    request: web.Request,
    files: Files,
    name: str,
    size: int,
    media_type: str,
    *,
    shown_as: str = "",
) -> web.StreamResponse:
    """Answer with a file, or a part of it. `shown_as`: what a browser calls it when it is saved.

    Raises FilesSilent, FileNotFoundError.
    """
    headers = _headers(name, media_type, shown_as)
    if isinstance(files, Folder):
        return web.FileResponse(files.path(name), headers=headers)
    return await _stream(request, files, name, size, headers)


def give(body: bytes, media_type: str, *, shown_as: str) -> web.Response:
    """A file that is kept nowhere, called so by who saves it."""
    headers = _headers(f"file.{shown_as.rpartition('.')[2]}", media_type, shown_as)
    return web.Response(body=body, headers={**headers, "Accept-Ranges": "none"})


def _headers(name: str, media_type: str, shown_as: str) -> Mapping[str, str]:
    disposition = f'attachment; filename="{name.rpartition("/")[2]}"'
    if shown_as:
        disposition += f"; filename*=UTF-8''{quote(shown_as, safe='')}"
    return {
        "Content-Type": media_type,
        "Content-Disposition": disposition,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
    }


async def _stream(
    request: web.Request, files: Files, name: str, size: int, headers: Mapping[str, str]
) -> web.StreamResponse:
    asked = _part_of(request, size)
    if asked is None:
        nothing = {"Content-Range": f"bytes */{size}"}
        return web.Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=nothing)
    start, length = asked
    response = web.StreamResponse(headers=headers)
    if length < size:
        response.set_status(HTTPStatus.PARTIAL_CONTENT)
        response.headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    response.content_length = length
    blocks = files.read(name, start, length) if request.method != "HEAD" else iter(())
    first = await in_thread(next, blocks, b"")  # before the head, so that it may say what is wrong
    await response.prepare(request)
    await _send(request, response, first, blocks)
    return response


def _part_of(request: web.Request, size: int) -> tuple[int, int] | None:
    """Where what was asked for begins and how long it is; None: there is no such part.

    A range with a condition is given whole: we keep no marks of versions.
    """
    if "If-Range" in request.headers:
        return 0, size
    try:
        asked = request.http_range
    except ValueError:
        return None
    start, stop, _ = asked.indices(size)
    if asked.start is not None and asked.start >= size > 0:
        return None
    return start, stop - start


async def _send(
    request: web.Request, response: web.StreamResponse, first: bytes, blocks: Iterator[bytes]
) -> None:
    block = first
    try:
        while block:
            await response.write(block)
            block = await in_thread(next, blocks, b"")
    except (FilesSilent, FileNotFoundError) as error:
        # Its length is announced, so that whoever listens sees that it broke off.
        log.warning("file_broke_off", error=str(error))
        if request.transport:
            request.transport.abort()
        return
    await response.write_eof()
