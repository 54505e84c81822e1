"""first."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("setup", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_at"), "batch", ["at"], unique=False)
    op.create_table(
        "block",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
    )
    op.create_index(op.f("ix_block_number"), "block", ["number"], unique=False)
    op.create_index(
        "uq_block_current",
        "block",
        ["number"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "business_event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("call", sa.String(length=32), nullable=True),
        sa.Column("card", sa.String(length=32), nullable=True),
        sa.Column("contact", sa.String(length=32), nullable=True),
        sa.Column("data", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business_event")),
    )
    op.create_index(op.f("ix_business_event_at"), "business_event", ["at"], unique=False)
    op.create_index(op.f("ix_business_event_card"), "business_event", ["card"], unique=False)
    op.create_table(
        "call_order",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("manager", sa.String(length=64), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=256), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("claim", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_order")),
        sa.UniqueConstraint("claim", name=op.f("uq_call_order_claim")),
    )
    op.create_index(op.f("ix_call_order_ref"), "call_order", ["ref"], unique=False)
    op.create_index(op.f("ix_call_order_state"), "call_order", ["state"], unique=False)
    op.create_table(
        "contact",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), server_default="person", nullable=False),
        sa.Column("relation", sa.String(length=16), server_default="client", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("folded", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("middle_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("name_confirmed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("responsible", sa.String(length=64), nullable=True),
        sa.Column("inn", sa.String(length=12), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("source_first", sa.String(length=64), nullable=True),
        sa.Column("source_last", sa.String(length=64), nullable=True),
        sa.Column("made_for", sa.String(length=32), nullable=True),
        sa.Column("merged_into", sa.String(length=32), nullable=True),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("talked_manager", sa.String(length=64), nullable=True),
        sa.Column("talked_at", sa.BigInteger(), nullable=True),
        sa.Column("no_card_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["contact.id"], name=op.f("fk_contact_merged_into_contact")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("made_for", name=op.f("uq_contact_made_for")),
    )
    op.create_index(op.f("ix_contact_updated_at"), "contact", ["updated_at"], unique=False)
    for name in ("folded", "inn", "merged_into", "responsible"):
        op.create_index(
            f"ix_contact_{name}",
            "contact",
            [name],
            unique=False,
            sqlite_where=sa.text(f"{name} IS NOT NULL"),
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    op.create_table(
        "cooling",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("manager", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("dial", sa.String(length=320), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("strikes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("began_after", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_after", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cooling")),
    )
    op.create_index("ix_cooling_manager_ends_at", "cooling", ["manager", "ends_at"], unique=False)
    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "custom_field",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("noun", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_custom_field")),
    )
    op.create_table(
        "external_id",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("noun", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("ours", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("system", "noun", "id", name=op.f("pk_external_id")),
    )
    op.create_index(op.f("ix_external_id_ours"), "external_id", ["ours"], unique=False)
    op.create_table(
        "handover",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("from_manager", sa.String(length=64), nullable=False),
        sa.Column("to_manager", sa.String(length=64), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    op.create_table(
        "import",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import")),
    )
    op.create_table(
        "load",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("manager", sa.String(length=64), nullable=False),
        sa.Column("pipeline", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("began_after", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_after", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_load")),
    )
    op.create_index(
        "ix_load_ended_after",
        "load",
        ["ended_after"],
        unique=False,
        sqlite_where=sa.text("ended_after IS NOT NULL"),
        postgresql_where=sa.text("ended_after IS NOT NULL"),
    )
    op.create_index(
        "uq_load_current",
        "load",
        ["manager", "pipeline", "status", "day"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("call", sa.String(length=32), nullable=True),
        sa.Column("card", sa.String(length=32), nullable=True),
        sa.Column("manager", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notice_at"), "notice", ["at"], unique=False)
    op.create_table(
        "presence",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("manager", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("began_after", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_after", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence")),
    )
    op.create_index(op.f("ix_presence_manager"), "presence", ["manager"], unique=False)
    op.create_index(
        "uq_presence_current",
        "presence",
        ["manager"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("article", sa.String(length=100), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("vat", sa.String(length=64), nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("article", name=op.f("uq_product_article")),
    )
    op.create_table(
        "pulse",
        sa.Column("manager", sa.String(length=64), nullable=False),
        sa.Column("last_offer", sa.BigInteger(), nullable=True),
        sa.Column("last_talk", sa.BigInteger(), nullable=True),
        sa.Column("unanswered", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("manager", name=op.f("pk_pulse")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_account"), "quarantine", ["account"], unique=False)
    op.create_table(
        "refused",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused")),
    )
    op.create_index(op.f("ix_refused_account"), "refused", ["account"], unique=False)
    op.create_table(
        "setup_version",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_setup_version")),
    )
    op.create_table(
        "source",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_source")),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_token_name")),
    )
    op.create_table(
        "visit",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_visit")),
    )
    op.create_table(
        "campaign",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["source.key"], name=op.f("fk_campaign_source_source")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_campaign")),
    )
    op.create_table(
        "card",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("contact", sa.String(length=32), nullable=True),
        sa.Column("open_for", sa.String(length=128), nullable=True),
        sa.Column("pipeline", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), server_default="deal", nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=True),
        sa.Column("manager", sa.String(length=64), nullable=True),
        sa.Column("manager_by", sa.String(length=64), nullable=True),
        sa.Column("manager_at", sa.BigInteger(), nullable=True),
        sa.Column("source_first", sa.String(length=64), nullable=True),
        sa.Column("source_last", sa.String(length=64), nullable=True),
        sa.Column("campaign", sa.String(length=64), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("office", sa.String(length=64), nullable=True),
        sa.Column("team", sa.String(length=64), nullable=True),
        sa.Column("entity", sa.String(length=64), nullable=True),
        sa.Column("loss_reason", sa.String(length=64), nullable=True),
        sa.Column("made_by_call", sa.String(length=32), nullable=True),
        sa.Column("last_contact_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["contact"], ["contact.id"], name=op.f("fk_card_contact_contact")),
        sa.ForeignKeyConstraint(["parent"], ["card.id"], name=op.f("fk_card_parent_card")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card")),
        sa.UniqueConstraint("number", name=op.f("uq_card_number")),
        sa.UniqueConstraint("open_for", name=op.f("uq_card_open_for")),
    )
    op.create_index(op.f("ix_card_contact"), "card", ["contact"], unique=False)
    op.create_index(op.f("ix_card_manager"), "card", ["manager"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("contact", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("how", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("text_version", sa.String(length=64), nullable=True),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact"], ["contact.id"], name=op.f("fk_consent_contact_contact")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_contact"), "consent", ["contact"], unique=False)
    op.create_table(
        "contact_email",
        sa.Column("contact", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="unknown", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact"], ["contact.id"], name=op.f("fk_contact_email_contact_contact")
        ),
        sa.PrimaryKeyConstraint("contact", "email", name=op.f("pk_contact_email")),
    )
    op.create_index(op.f("ix_contact_email_email"), "contact_email", ["email"], unique=False)
    op.create_table(
        "contact_phone",
        sa.Column("contact", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=True),
        sa.Column("chosen", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact"], ["contact.id"], name=op.f("fk_contact_phone_contact_contact")
        ),
        sa.PrimaryKeyConstraint("contact", "number", name=op.f("pk_contact_phone")),
    )
    op.create_index(op.f("ix_contact_phone_number"), "contact_phone", ["number"], unique=False)
    op.create_table(
        "contact_tag",
        sa.Column("contact", sa.String(length=32), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact"], ["contact.id"], name=op.f("fk_contact_tag_contact_contact")
        ),
        sa.PrimaryKeyConstraint("contact", "tag", name=op.f("pk_contact_tag")),
    )
    op.create_table(
        "custom_value",
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("instant", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["field"], ["custom_field.key"], name=op.f("fk_custom_value_field_custom_field")
        ),
        sa.PrimaryKeyConstraint("field", "owner", name=op.f("pk_custom_value")),
    )
    op.create_index(op.f("ix_custom_value_owner"), "custom_value", ["owner"], unique=False)
    op.create_table(
        "handover_item",
        sa.Column("handover", sa.String(length=32), nullable=False),
        sa.Column("noun", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("to_manager", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["handover"], ["handover.id"], name=op.f("fk_handover_item_handover_handover")
        ),
        sa.PrimaryKeyConstraint("handover", "noun", "id", name=op.f("pk_handover_item")),
    )
    op.create_table(
        "import_row",
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("contact", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("before", sa.Text(), server_default="{}", nullable=False),
        sa.Column("after", sa.Text(), server_default="{}", nullable=False),
        sa.Column("digest", sa.String(length=64), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["contact"], ["contact.id"], name=op.f("fk_import_row_contact_contact")
        ),
        sa.ForeignKeyConstraint(["run"], ["import.id"], name=op.f("fk_import_row_run_import")),
        sa.PrimaryKeyConstraint("run", "line", name=op.f("pk_import_row")),
    )
    op.create_index(op.f("ix_import_row_contact"), "import_row", ["contact"], unique=False)
    op.create_index(op.f("ix_import_row_digest"), "import_row", ["digest"], unique=False)
    op.create_table(
        "membership",
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("company", sa.String(length=32), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["company"], ["contact.id"], name=op.f("fk_membership_company_contact")
        ),
        sa.ForeignKeyConstraint(
            ["person"], ["contact.id"], name=op.f("fk_membership_person_contact")
        ),
        sa.PrimaryKeyConstraint("person", "company", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_company"), "membership", ["company"], unique=False)
    op.create_table(
        "call",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.String(length=256), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("line_known", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("caller_kind", sa.String(length=16), nullable=False),
        sa.Column("caller_number", sa.String(length=32), nullable=True),
        sa.Column("caller_raw", sa.String(length=128), server_default="", nullable=False),
        sa.Column("contact", sa.String(length=32), nullable=True),
        sa.Column("card", sa.String(length=32), nullable=True),
        sa.Column("stranger", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("manager", sa.String(length=64), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("known_end", sa.BigInteger(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("presumed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("run", sa.Integer(), server_default="0", nullable=False),
        sa.Column("office", sa.String(length=64), nullable=True),
        sa.Column("team", sa.String(length=64), nullable=True),
        sa.Column("entity", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("over_at", sa.BigInteger(), nullable=True),
        sa.Column("waiting_since", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["card"], ["card.id"], name=op.f("fk_call_card_card")),
        sa.ForeignKeyConstraint(["contact"], ["contact.id"], name=op.f("fk_call_contact_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
        sa.UniqueConstraint(
            "account", "ref", "generation", name=op.f("uq_call_account_ref_generation")
        ),
    )
    op.create_index(op.f("ix_call_caller_number"), "call", ["caller_number"], unique=False)
    op.create_index(op.f("ix_call_card"), "call", ["card"], unique=False)
    op.create_index(op.f("ix_call_contact"), "call", ["contact"], unique=False)
    op.create_index("ix_call_line_started_at", "call", ["line", "started_at"], unique=False)
    op.create_index("ix_call_manager_started_at", "call", ["manager", "started_at"], unique=False)
    op.create_index(
        "ix_call_open",
        "call",
        ["known_end"],
        unique=False,
        sqlite_where=sa.text("known_end IS NOT NULL"),
        postgresql_where=sa.text("known_end IS NOT NULL"),
    )
    op.create_index(op.f("ix_call_started_at"), "call", ["started_at"], unique=False)
    op.create_index(
        "ix_call_waiting",
        "call",
        ["waiting_since"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "card_item",
        sa.Column("card", sa.String(length=32), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("product", sa.String(length=32), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("vat", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["card"], ["card.id"], name=op.f("fk_card_item_card_card")),
        sa.ForeignKeyConstraint(
            ["product"], ["product.id"], name=op.f("fk_card_item_product_product")
        ),
        sa.PrimaryKeyConstraint("card", "n", name=op.f("pk_card_item")),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("series", sa.String(length=64), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("edition", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("card", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["card"], ["card.id"], name=op.f("fk_document_card_card")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint(
            "series", "number", "edition", name=op.f("uq_document_series_number_edition")
        ),
    )
    op.create_index(op.f("ix_document_card"), "document", ["card"], unique=False)
    op.create_table(
        "lead",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("card", sa.String(length=32), nullable=False),
        sa.Column("contact", sa.String(length=32), nullable=False),
        sa.Column("new", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("page", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("utm", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["card"], ["card.id"], name=op.f("fk_lead_card_card")),
        sa.ForeignKeyConstraint(["contact"], ["contact.id"], name=op.f("fk_lead_contact_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
        sa.UniqueConstraint("system", "external_id", name=op.f("uq_lead_system_external_id")),
    )
    op.create_index(op.f("ix_lead_card"), "lead", ["card"], unique=False)
    op.create_index(op.f("ix_lead_contact"), "lead", ["contact"], unique=False)
    op.create_table(
        "responsibility",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("card", sa.String(length=32), nullable=True),
        sa.Column("contact", sa.String(length=32), nullable=True),
        sa.Column("manager", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["card"], ["card.id"], name=op.f("fk_responsibility_card_card")),
        sa.ForeignKeyConstraint(
            ["contact"], ["contact.id"], name=op.f("fk_responsibility_contact_contact")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_responsibility")),
    )
    op.create_index(op.f("ix_responsibility_card"), "responsibility", ["card"], unique=False)
    op.create_index(op.f("ix_responsibility_contact"), "responsibility", ["contact"], unique=False)
    op.create_index(op.f("ix_responsibility_manager"), "responsibility", ["manager"], unique=False)
    op.create_table(
        "task",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("card", sa.String(length=32), nullable=True),
        sa.Column("contact", sa.String(length=32), nullable=True),
        sa.Column("call", sa.String(length=32), nullable=True),
        sa.Column("parent", sa.String(length=32), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("remind_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("open_for", sa.String(length=64), nullable=True),
        sa.Column("line", sa.String(length=64), nullable=True),
        sa.Column("team", sa.String(length=64), nullable=True),
        sa.Column("cause", sa.String(length=64), nullable=True),
        sa.Column("cause_data", sa.Text(), server_default="{}", nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("escalated_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["card"], ["card.id"], name=op.f("fk_task_card_card")),
        sa.ForeignKeyConstraint(["contact"], ["contact.id"], name=op.f("fk_task_contact_contact")),
        sa.ForeignKeyConstraint(["parent"], ["task.id"], name=op.f("fk_task_parent_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("open_for", name=op.f("uq_task_open_for")),
    )
    op.create_index(op.f("ix_task_card"), "task", ["card"], unique=False)
    op.create_index(op.f("ix_task_contact"), "task", ["contact"], unique=False)
    op.create_index(
        "ix_task_owed",
        "task",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("open_for IS NOT NULL"),
        postgresql_where=sa.text("open_for IS NOT NULL"),
    )
    op.create_index(op.f("ix_task_owner"), "task", ["owner"], unique=False)
    op.create_index(op.f("ix_task_phone"), "task", ["phone"], unique=False)
    op.create_table(
        "transition",
        sa.Column("card", sa.String(length=32), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("from_status", sa.String(length=64), nullable=True),
        sa.Column("to_status", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("working_s", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["card"], ["card.id"], name=op.f("fk_transition_card_card")),
        sa.PrimaryKeyConstraint("card", "n", name=op.f("pk_transition")),
    )
    op.create_table(
        "act",
        sa.Column("call", sa.String(length=32), nullable=False),
        sa.Column("act", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name=op.f("fk_act_call_call")),
        sa.PrimaryKeyConstraint("call", "act", name=op.f("pk_act")),
    )
    op.create_table(
        "decision",
        sa.Column("call", sa.String(length=32), nullable=False),
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=600), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("setup", sa.Integer(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name=op.f("fk_decision_call_call")),
        sa.PrimaryKeyConstraint("call", "run", "attempt", name=op.f("pk_decision")),
    )
    op.create_table(
        "event",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=600), nullable=False),
        sa.Column("call", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("moment", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("place", sa.Integer(), server_default="0", nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("joins", sa.String(length=256), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("answer_type", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name=op.f("fk_event_call_call")),
        sa.PrimaryKeyConstraint("account", "key", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_batch"), "event", ["batch"], unique=False)
    op.create_index(op.f("ix_event_call"), "event", ["call"], unique=False)
    op.create_index(
        "ix_event_joins",
        "event",
        ["account", "joins"],
        unique=False,
        sqlite_where=sa.text("joins IS NOT NULL"),
        postgresql_where=sa.text("joins IS NOT NULL"),
    )
    op.create_index(
        "ix_event_kind_received", "event", ["account", "kind", "received"], unique=False
    )
    op.create_table(
        "leg",
        sa.Column("call", sa.String(length=32), nullable=False),
        sa.Column("ref", sa.String(length=320), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("dial", sa.String(length=320), nullable=False),
        sa.Column("manager", sa.String(length=64), nullable=True),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stranger", sa.Boolean(), nullable=False),
        sa.Column("ring_from", sa.BigInteger(), nullable=True),
        sa.Column("ring_until", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("hold", sa.String(length=8), nullable=True),
        sa.Column("hold_until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("outbound", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("presumed", sa.Boolean(), nullable=False),
        sa.Column("talk_s", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name=op.f("fk_leg_call_call")),
        sa.PrimaryKeyConstraint("call", "ref", name=op.f("pk_leg")),
    )
    op.create_index(
        "ix_leg_dial_answered_at", "leg", ["account", "dial", "answered_at"], unique=False
    )
    op.create_index(
        "ix_leg_hold",
        "leg",
        ["hold_until"],
        unique=False,
        sqlite_where=sa.text("hold IS NOT NULL"),
        postgresql_where=sa.text("hold IS NOT NULL"),
    )
    op.create_index("ix_leg_manager_answered_at", "leg", ["manager", "answered_at"], unique=False)
    op.create_index(
        "ix_leg_manager_hold",
        "leg",
        ["manager", "hold_until"],
        unique=False,
        sqlite_where=sa.text("hold IS NOT NULL"),
        postgresql_where=sa.text("hold IS NOT NULL"),
    )
    op.create_table(
        "recording",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.String(length=256), nullable=False),
        sa.Column("call", sa.String(length=32), nullable=False),
        sa.Column("leg", sa.String(length=256), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name=op.f("fk_recording_call_call")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("account", "ref", name=op.f("uq_recording_account_ref")),
    )
    op.create_index(op.f("ix_recording_call"), "recording", ["call"], unique=False)
