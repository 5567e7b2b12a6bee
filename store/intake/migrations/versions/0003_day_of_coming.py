"""The day on which what waits came in. Of what waits already it is not known: it counts as long past."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("submitted_object", "grave"):
        op.add_column(table, sa.Column("came", sa.Integer, nullable=False, server_default="0"))
    op.drop_index("ix_submitted_object_bundle", "submitted_object")
    op.create_index("ix_submitted_object_waiting", "submitted_object", ["bundle", "came"])
    op.create_index("ix_submitted_object_floor", "submitted_object", ["bundle", "epoch"])
