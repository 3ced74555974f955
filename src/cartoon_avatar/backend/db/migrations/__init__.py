"""The schema's history; Alembic runs it on SQLite and PostgreSQL alike."""

# Of the newest migration in ``versions``: a database that is there needs none.
HEAD = "0008"
