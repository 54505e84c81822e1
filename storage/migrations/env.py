"""Alembic runs this for each of its commands; everything it needs came by `configured`."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import TypeDecorator

from storage import migrations
from storage.tables import metadata


def render(kind: str, thing: object, _: AutogenContext) -> str | Literal[False]:
    """Write our own types as what they are in the base: a migration knows no code of today's."""
    if kind == "type" and isinstance(thing, TypeDecorator):
        return f"sa.{thing.impl_instance!r}"
    return False


def tell(
    ctx: MigrationContext,  # noqa: ARG001  Alembic passes these by name
    step: MigrationInfo,
    heads: Collection[Any],  # noqa: ARG001
    run_args: Mapping[str, Any],  # noqa: ARG001
) -> None:
    context.config.attributes["progress"](f"the base is brought to schema {step.up_revision_id}")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=bool(migrations.versions()),  # SQLite changes a table by making it anew
    render_item=render,
    on_version_apply=tell,
)
context.run_migrations()
