"""What a page does, a program can do: every route of a page with the operations that do the same.

A new page fails here until it stands in one of the two tables; so does a row whose route, or whose
operation, is gone. An operation may be used by whoever may use the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from callrouter.api.attach import OPERATIONS
from callrouter.api.openapi import describe
from callrouter.app import create_app
from callrouter.domain.rights import RIGHTS
from callrouter.outside.sink import Sink
from callrouter.pages import DOORS
from callrouter.settings import Settings

SAME_BY_PROGRAM: Final[dict[str, str]] = {
    # Calls
    "GET /": "list_calls list_managers list_obligations",
    "GET /calls/mine": "list_calls",
    "GET /calls/{id}": "get_call",
    "GET /calls/{id}/why": "get_why",
    "GET /calls/{id}/recording": "get_recording",
    "GET /calls/{id}/peaks": "get_peaks",
    "GET /calls/{id}/transcript": "get_transcript",
    "POST /calls/{id}/contact": "change_call",
    "POST /calls/{id}/outcome": "say_call_outcome",
    "POST /calls/{id}/block": "block_number",
    "GET /calls/{id}/attach": "get_call list_contacts",
    "POST /calls/{id}/attach": "save_contact attach_number",
    "GET /calls/{id}/write-up": "get_call",
    "POST /calls/{id}/write-up": "write_up_call",
    "POST /calls/order": "order_call",
    "GET /pop/{token}": "get_call",
    "POST /managers/{key}/presence": "set_presence",
    # Calls back, tasks, the day
    "GET /call-back": "list_obligations get_lost_clients",
    "GET /call-back/list": "list_obligations",
    "POST /obligations/{id}/close": "close_obligation",
    "GET /today": "list_tasks list_obligations list_cards",
    "GET /today/count": "list_tasks",
    "POST /tasks": "add_task",
    "POST /tasks/{id}/done": "finish_task",
    "POST /tasks/{id}/give": "give_task",
    "POST /tasks/{id}/snooze": "snooze_task",
    # Clients
    "GET /contacts": "list_contacts",
    "GET /contacts.csv": "list_contacts",
    "POST /contacts/same": "find_doubles",
    "POST /contacts/new": "save_contact",
    "GET /contacts/{id}": "get_contact list_consents list_cards list_calls list_tasks",
    "POST /contacts/{id}": "change_contact",
    "POST /contacts/{id}/consents": "add_consent",
    "POST /contacts/{id}/consents/{consent}/withdraw": "take_consent_back",
    "POST /contacts/{id}/recording": "say_whether_to_record",
    "GET /contacts/attach": "list_contacts",
    "POST /contacts/attach": "save_contact give_number",
    "GET /contacts/{id}/merge": "merge_contact",
    "POST /contacts/{id}/merge": "merge_contact",
    "POST /contacts/{id}/merges/{merge}/undo": "undo_contact_merge",
    "POST /contacts/{id}/erase": "erase_contact",
    "GET /search": "find_anything",
    "GET /search/found": "find_anything",
    "GET /blocks": "list_blocks",
    "POST /blocks": "block_number",
    "POST /blocks/{id}/remove": "unblock_number",
    # Deals
    "GET /board": "get_board list_board_cards",
    "GET /board/column": "list_board_cards",
    "GET /board/heads": "get_board",
    "POST /board/together": "move_cards change_card",
    "POST /board/letters/{id}/cancel": "cancel_letter",
    "GET /cards.csv": "list_cards",
    "POST /cards/new": "save_contact add_card change_card",
    "GET /cards/{id}": "get_card get_items list_documents list_letters list_notes list_tasks "
    "list_attachments list_card_contacts",
    "POST /cards/{id}/edit": "change_card",
    "POST /cards/{id}/move": "set_status",
    "GET /cards/{id}/move/hint": "find_doubles",
    "GET /cards/{id}/move/offer.pdf": "preview_offer",
    "GET /cards/{id}/contacts/add": "list_contacts",
    "POST /cards/{id}/contacts/add": "save_contact add_card_contact",
    "POST /cards/{id}/contacts/{contact}": "make_contact_main remove_card_contact",
    "POST /cards/{id}/items": "put_items",
    "POST /cards/{id}/items/confirm": "confirm_items",
    "GET /cards/{id}/products": "list_products",
    "POST /cards/{id}/notes": "add_note",
    "POST /cards/{id}/notes/{note}": "change_note delete_note",
    "POST /cards/{id}/files": "add_attachment",
    "GET /cards/{id}/files/{file}": "get_attachment",
    "POST /cards/{id}/files/{file}/delete": "delete_attachment",
    "GET /cards/{id}/offer": "preview_offer",
    "POST /cards/{id}/documents": "issue_document",
    "GET /cards/{id}/documents/{document}": "get_document_file",
    "POST /cards/{id}/letters": "send_letter",
    "GET /cards/{id}/letters/{letter}": "get_letter",
    "POST /cards/{id}/letters/{letter}": "cancel_letter approve_letter resolve_letter",
    "POST /letters/stop/{ticket}": "suppress_address",
    "POST /form": "add_lead",
    # Imports
    "GET /import": "list_import_files list_imports",
    "POST /import": "bring_import_file",
    "GET /import/{id}": "get_import_file",
    "POST /import/{id}/try": "try_import_file",
    "POST /import/{id}/run": "run_import_file",
    "POST /import/{id}/stop": "stop_import_file",
    "POST /import/{id}/drop": "drop_import_file",
    "GET /import/{id}/refused.csv": "get_refused_lines",
    "POST /import/undo/{run}": "undo_import",
    # Figures
    "GET /figures": "get_figures",
    "GET /figures.csv": "get_figures",
    "GET /figures/calls": "list_calls_of_figure",
    "GET /figures/calls.csv": "list_calls_of_figure",
    "GET /figures/cards": "list_cards_of_figure",
    "GET /figures/cards.csv": "list_cards_of_figure",
    "GET /figures/owed": "list_owed_of_figure",
    "GET /figures/letters": "list_letters_of_figure",
    "GET /wall": "list_calls list_managers get_figures get_lost_clients",
    # Setup: a file holds all of it, or only what changes
    "GET /setup": "get_setup list_drafts",
    "GET /setup/setup.toml": "get_setup",
    "POST /setup/file": "apply_setup begin_draft change_draft",
    "POST /setup/drafts": "begin_draft",
    "GET /setup/drafts/{id}": "get_draft",
    "GET /setup/drafts/{id}/setup.toml": "get_draft",
    "POST /setup/drafts/{id}/discard": "discard_draft",
    "POST /setup/drafts/{id}/publish": "publish_draft",
    "GET /setup/versions": "list_setup_versions",
    "GET /setup/versions/{n}": "get_setup_version",
    "POST /setup/versions/{n}/again": "put_setup_version_in_force_again",
    "GET /setup/{section}": "get_setup",
    "POST /setup/{section}": "apply_setup change_draft",
    "POST /setup/{section}/move": "apply_setup change_draft",
    "POST /setup/{section}/new": "apply_setup change_draft",
    "GET /setup/{section}/{key}": "get_setup",
    "POST /setup/{section}/{key}": "apply_setup change_draft",
    "POST /setup/{section}/{key}/remove": "apply_setup change_draft",
    "GET /setup/ladders": "get_setup",
    "GET /setup/ladders/edit": "get_setup",
    "POST /setup/ladders/form": "apply_setup change_draft",
    "POST /setup/ladders/remove": "apply_setup change_draft",
    "GET /setup/rules": "get_setup",
    "GET /setup/rules/edit": "get_setup",
    "POST /setup/rules/form": "apply_setup change_draft",
    "POST /setup/rules/move": "apply_setup change_draft",
    "POST /setup/rules/remove": "apply_setup change_draft",
    "GET /setup/accounts": "get_setup",
    "POST /setup/accounts/new": "apply_setup change_draft",
    "GET /setup/accounts/{key}": "get_setup",
    "POST /setup/accounts/{key}": "apply_setup change_draft",
    "POST /setup/accounts/{key}/remove": "apply_setup change_draft",
    "POST /setup/accounts/{key}/secret": "apply_setup",  # secret = ["env:NEW", "kept"]
    "POST /setup/accounts/{key}/secret/drop": "apply_setup",
    "GET /setup/templates": "list_templates",
    "POST /setup/templates": "put_template",
    "GET /setup/templates/{file}": "list_template_versions",
    "POST /setup/templates/{file}": "put_template",
    "POST /setup/templates/{file}/back": "take_template_back",
    "POST /setup/templates/{file}/preview": "preview_template",
    "GET /setup/templates/{file}/source": "get_template",
    "GET /what-if": "route_call",
    "GET /what-if/replay": "list_replays list_drafts",
    "POST /what-if/replay": "ask_for_replay",
    "GET /what-if/replay/{id}": "get_replay",
    "POST /what-if/replay/{id}/cancel": "cancel_replay",
    # Who looks after the server
    "GET /connect": "list_accounts",
    "GET /connect/{account}": "list_accounts list_hooks get_setup",
    "POST /connect/{account}/test": "try_account",
    "GET /connect/{account}/hooks": "list_hooks",
    "GET /health": "get_health list_alarms list_jobs get_readiness",
    "POST /health/thaw": "thaw_letters",
    "POST /health/jobs/{id}": "retry_job",
    "POST /health/ready": "confirm_readiness",
    "POST /health/not-ready": "take_readiness_back",
    "GET /journal": "list_hooks",
    "GET /journal/hook": "get_hook read_hook_again",
    "GET /journal/aside/{id}": "get_hook_aside read_hook_again",
    "POST /journal/aside/{id}/take": "take_hook",
    "GET /audit": "list_audit check_audit",
    "GET /audit.csv": "list_audit",
    "GET /users": "list_users",
    "POST /users": "invite_user",
    "POST /users/{id}/code": "drop_code",
    "POST /users/{id}/link": "offer_password",
    "POST /users/{id}/lock": "lock_user",
    "POST /users/{id}/unlock": "unlock_user",
    "POST /users/{id}/role": "give_role",
}

_FORM: Final = "an empty form"
_ENTERING: Final = "signing in with a browser; a program has its token"
_OWN: Final = "about who sits at the browser; a token is nobody's account"
_DEMO: Final = "of the demo alone"
_BROWSERS: Final = "keeps an open page up to date; programs are told by [[webhook]]"

NONE_NEEDED: Final[dict[str, str]] = {
    "GET /contacts/new": _FORM,
    "GET /cards/new": _FORM,
    "GET /form": _FORM,
    "GET /setup/file": _FORM,
    "GET /setup/accounts/new": _FORM,
    "GET /setup/ladders/new": _FORM,
    "GET /setup/rules/new": _FORM,
    "GET /setup/{section}/new": _FORM,
    "GET /setup/{section}/{key}/remove": "asks whether one is sure",
    "GET /contacts/{id}/erase": "asks whether one is sure",
    "GET /letters/stop/{ticket}": "asks whether one is sure",
    "GET /cards/{id}/move": "a form; POST /cards/{id}/status says what is missing",
    "GET /cards/{id}/move/letter": "before it is asked for; afterwards get_letter previews it",
    "GET /setup/hours": "explains hours while they are typed",
    "GET /wall/part": "the changing part of /wall",
    "GET /events": _BROWSERS,
    "GET /events/poll": _BROWSERS,
    "GET /sign-in": _ENTERING,
    "POST /sign-in": _ENTERING,
    "POST /sign-in/code": _ENTERING,
    "GET /sign-in/oidc": _ENTERING,
    "GET /sign-in/oidc/return": _ENTERING,
    "POST /sign-out": _ENTERING,
    "GET /enter/{token}": _ENTERING,
    "GET /invite/{token}": _ENTERING,
    "POST /invite/{token}": _ENTERING,
    "GET /users/first": _ENTERING,
    "POST /users/first": _ENTERING,
    "GET /me": _OWN,
    "POST /me": _OWN,
    "GET /me/code.svg": _OWN,
    "POST /me/code": _OWN,
    "POST /me/code/on": _OWN,
    "POST /me/code/off": _OWN,
    "POST /me/language": _OWN,
    "POST /me/password": _OWN,
    "POST /me/pop": _OWN,
    "POST /me/sessions/end": _OWN,
    "POST /demo/as": _DEMO,
    "POST /call-yourself": _DEMO,
    "GET /demo/mail": _DEMO,
    "GET /demo/mail/{id}": _DEMO,
    "GET /demo/mail/{id}/html": _DEMO,
    "GET /demo/mail/{id}/files/{n}": _DEMO,
}

REFUSES_BY_ITSELF: Final = {"GET /audit.csv"}
"""Whoever takes it as a file must also be one who reads it."""

OF_PROGRAMS: Final = ("/webhooks/", "/api/v1/", "/health/live", "/health/ready", "/metrics")
"""Begin the addresses that are for programs already."""


@pytest.fixture
async def pages(tmp_path: Path) -> dict[str, Any]:
    """Every page that there can be, `GET /board`, and the right that it needs."""

    async def dial(_kind: str, _caller: str, _line: str) -> str:
        return ""

    settings = Settings(data_dir=tmp_path, public_url="http://calls.example", oidc_issuer="x")
    mail = Sink(tmp_path / "mail")
    async with mail.listening():
        app = create_app(settings, demo=True, dial=dial, mail=mail).app
    rights = app[DOORS].rights
    return {
        f"{one.method} {one.resource.canonical}": rights.get(one.handler)
        for one in app.router.routes()
        if one.resource is not None
        and one.method != "HEAD"
        and (one.handler in rights or not one.resource.canonical.startswith(OF_PROGRAMS))
        and one.resource.canonical != "/static/{name}"
    }


async def test_each_page_has_its_operations_or_says_why_none(pages: dict[str, Any]) -> None:
    tables = SAME_BY_PROGRAM.keys() | NONE_NEEDED.keys()
    assert pages.keys() - tables == set(), "how does a program do this?"
    assert tables - pages.keys() == set(), "there is no such page any more"
    assert SAME_BY_PROGRAM.keys() & NONE_NEEDED.keys() == set()


def test_each_operation_named_is_described() -> None:
    described = {
        one["operationId"]
        for path in describe(OPERATIONS)["paths"].values()
        for one in path.values()
    }
    named = {one for row in SAME_BY_PROGRAM.values() for one in row.split()}
    assert named - described == set()


async def test_who_may_on_the_page_may_by_program(pages: dict[str, Any]) -> None:
    operations = {one.name: one for one in OPERATIONS}
    refused = [
        (page, one.name, role)
        for page, row in SAME_BY_PROGRAM.items()
        for one in (operations[name] for name in row.split())
        for role, rights in RIGHTS.items()
        if pages[page] in rights and role not in one.roles and page not in REFUSES_BY_ITSELF
    ]
    assert refused == []


def test_what_changes_something_is_not_a_mere_reading() -> None:
    methods = {one.name: one.method for one in OPERATIONS}
    only_read = {
        page
        for page, row in SAME_BY_PROGRAM.items()
        if not page.startswith("GET ") and {methods[name] for name in row.split()} == {"GET"}
    }
    assert only_read == {"POST /contacts/same"}  # a form sends what is typed so far
