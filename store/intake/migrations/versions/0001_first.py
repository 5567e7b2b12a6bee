"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailbox",
        sa.Column("ref", sa.LargeBinary(16), primary_key=True),
        sa.Column("lookup", sa.LargeBinary(32), nullable=False, unique=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "submitted_object",
        sa.Column("object_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("mailbox_ref", sa.LargeBinary(16), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("bundle", sa.Integer, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reply",
        sa.Column("reply_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("mailbox_ref", sa.LargeBinary(16), nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "grave",
        sa.Column("ref", sa.LargeBinary(16), primary_key=True),
        sa.Column("bundle", sa.Integer),
        sa.Column("day", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "out_bundle",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.LargeBinary(32)),
        sa.Column("file_sha256", sa.LargeBinary(32)),
        sa.Column("acknowledged", sa.Boolean, nullable=False),
    )
    op.create_table(
        "in_bundle",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("content", sa.Boolean, nullable=False),
    )
    op.create_table(
        "intake_key",
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "epoch_use",
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Integer, nullable=False),
    )
    op.create_table(
        "mark",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.create_table(
        "operator_note",
        sa.Column("note_id", sa.Integer, primary_key=True),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
    )
    op.create_table(
        "blob_chunk",
        sa.Column("blob_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
