"""The schema's history; Alembic runs it on SQLite and PostgreSQL alike."""
