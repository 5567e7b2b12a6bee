"""What the line says of itself to sources."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "line_notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("bundle", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_line_notices"),
    )
