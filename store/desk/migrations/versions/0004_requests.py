"""Requests to sources, and the record of what became of them, to which rows can only be added."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_requests_entry_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_id", name="pk_requests"),
    )
    op.create_table(
        "request_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("choice", sa.Integer(), nullable=True),
        sa.Column("fits", sa.Boolean(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_request_events_source_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_request_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_request_events_request", "request_events", ["request_id", "source_id"])
    op.create_index("ix_request_events_source_id", "request_events", ["source_id"])
    op.create_index("ix_request_events_entry_id", "request_events", ["entry_id"])
    op.execute(
        "CREATE TRIGGER request_events_stay AFTER UPDATE ON request_events"
        " BEGIN SELECT RAISE(ABORT, 'the record of requests is never changed'); END"
    )
    # A source's rows go with the source, when its own row has gone already.
    op.execute(
        "CREATE TRIGGER request_events_last BEFORE DELETE ON request_events"
        " WHEN EXISTS (SELECT 1 FROM sources WHERE id = OLD.source_id)"
        " BEGIN SELECT RAISE(ABORT, 'the record of requests is never deleted'); END"
    )
