"""Puts the API into the application."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import cache

from aiohttp import web

from callrouter.api import (
    accounts,
    alarms,
    attachments,
    audit,
    blocks,
    board,
    calls,
    card_contacts,
    cards,
    condition,
    contacts,
    documents,
    fetching,
    figure_lists,
    figures,
    hooks,
    imports,
    items,
    jobs,
    leads,
    letters,
    managers,
    merges,
    notes,
    obligations,
    products,
    readiness,
    recordings,
    replays,
    route,
    search,
    setup,
    tasks,
    templates,
    unrecorded,
    users,
)
from callrouter.api.keys import Keys
from callrouter.api.layer import Operation, serve
from callrouter.api.openapi import PREFIX, describe
from callrouter.api.problems import answer_problems
from callrouter.service import Service

OPERATIONS: tuple[Operation, ...] = tuple(
    operation
    for noun in (
        contacts,
        merges,
        cards,
        card_contacts,
        board,
        notes,
        attachments,
        items,
        products,
        leads,
        letters,
        calls,
        recordings,
        fetching,
        managers,
        route,
        replays,
        blocks,
        obligations,
        tasks,
        search,
        unrecorded,
        documents,
        templates,
        users,
        setup,
        imports,
        accounts,
        hooks,
        audit,
        condition,
        alarms,
        jobs,
        readiness,
        figures,
        figure_lists,
    )
    for operation in noun.routes.operations
)


def add_api(app: web.Application, service: Service) -> None:
    """Serve the API and its `openapi.json` to whoever holds a token."""
    api = web.Application(middlewares=[answer_problems])
    attach(api, OPERATIONS, service)
    app.add_subapp(PREFIX, api)


def attach(api: web.Application, operations: tuple[Operation, ...], service: Service) -> None:
    """Add operations and the document of them. Raises TypeError for two of one name."""
    twice = [name for name, times in Counter(one.name for one in operations).items() if times > 1]
    if twice:
        raise TypeError(f"operationIds stand twice: {', '.join(twice)}")
    keys = Keys(service)
    for operation in operations:
        api.router.add_route(operation.method, operation.path, serve(operation, service, keys))

    @cache
    def document() -> bytes:
        """Made when it is first asked for: it takes longer than all else of a start."""
        return json.dumps(describe(operations), ensure_ascii=False).encode()

    async def get_document(_: web.Request) -> web.Response:
        """It holds nothing but what is public, so it needs no token."""
        body = await asyncio.to_thread(document)
        return web.Response(body=body, content_type="application/json")

    api.router.add_route("GET", "/openapi.json", get_document)
