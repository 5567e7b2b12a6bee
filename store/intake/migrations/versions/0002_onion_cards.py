"""The onion address that waits for the line's signature, and the cards that the line has signed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "onion_request",
        sa.Column("request_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("address", sa.String(56), nullable=False),
        sa.Column("bundle", sa.Integer),
    )
    op.create_table(
        "onion_card",
        sa.Column("address", sa.String(56), primary_key=True),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
    )
