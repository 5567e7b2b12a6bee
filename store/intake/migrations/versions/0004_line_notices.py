"""What the line says of itself, and on which days all that waited was collected."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "line_notice",
        sa.Column("notice_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "collection",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bundle", sa.Integer, nullable=False),
    )
