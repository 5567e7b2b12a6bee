"""Alembic's entry: works on the connection that store.desk.schema hands over, and on nothing else."""

from alembic import context

from store.desk.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
