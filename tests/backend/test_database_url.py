"""DATABASE_URL as those who host databases hand it out."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cartoon_avatar.backend.db.session import open_database
from cartoon_avatar.backend.settings import BackendSettings
from tests.engines.postgres import Postgres, running_postgres
from tests.patience import PATIENCE_S


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p%40@h:5433/d", "postgresql+asyncpg://u:p%40@h:5433/d"),
        ("postgresql+asyncpg://u@h/d?ssl=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        (
            "postgresql://u:p@h/d?sslmode=require&channel_binding=require",
            "postgresql+asyncpg://u:p@h/d?sslmode=require",
        ),
        ("postgresql://u@/d?host=%2Frun%2Fsql", "postgresql+asyncpg://u@/d?host=%2Frun%2Fsql"),
        ("sqlite:////srv/a.sqlite", "sqlite:////srv/a.sqlite"),
    ],
)
def test_the_driver_is_put_in_and_what_it_does_not_need_left_out(given: str, used: str):
    assert BackendSettings(database_url=given).database == used


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mysql://u@h/d", "must be postgresql://"),
        ("postgres", "must be postgresql://"),
        ("postgresql://u@h/d?pgbouncer=true", "`pgbouncer`"),
    ],
)
def test_what_is_not_understood_is_named(given: str, said: str):
    with pytest.raises(ValidationError, match=said):
        BackendSettings(database_url=given)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@contextmanager
def behind_tls(server: Postgres, folder: Path) -> Iterator[tuple[int, Path]]:
    """A port at which ``server`` asks for TLS, which its own build lacks, and the certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def serve(plain: socket.socket) -> None:
        # SSLRequest: eight bytes, of which the last four are this number.
        with plain, suppress(OSError):
            if plain.recv(8)[4:] != (80877103).to_bytes(4, "big"):
                return
            plain.sendall(b"S")
            with (
                context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection(("127.0.0.1", server.port)) as behind,
            ):
                back = threading.Thread(target=pump, args=(behind, client))
                back.start()
                pump(client, behind)
                back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=accept, daemon=True).start()
        yield door.getsockname()[1], certificate
        door.shutdown(socket.SHUT_RDWR)


async def one(url: str) -> int:
    settings = BackendSettings(database_url=url)
    async with open_database(settings.database, PATIENCE_S) as database:
        return await database.read(lambda connection: connection.scalar(text("SELECT 1")))


async def test_sslmode_is_kept_to(server: Postgres, tmp_path: Path):
    plain = f"postgres://app@localhost:{server.port}/postgres"
    assert await one(f"{plain}?sslmode=disable") == 1
    assert await one(f"{plain}?sslmode=prefer") == 1
    with pytest.raises(DBAPIError, match="rejected SSL upgrade"):
        await one(f"{plain}?sslmode=require")

    with behind_tls(server, tmp_path) as (port, certificate):
        secure = f"postgres://app@localhost:{port}/postgres"
        assert await one(f"{secure}?sslmode=require&channel_binding=require") == 1
        assert await one(f"{secure}?sslmode=verify-full&sslrootcert={certificate}") == 1
        with pytest.raises(DBAPIError):  # a certificate that nobody vouches for
            await one(f"{secure}?sslmode=verify-full&sslrootcert={_another(tmp_path)}")
        with pytest.raises(DBAPIError):
            await one(f"{secure}?sslmode=disable")


def _another(folder: Path) -> Path:
    file = folder / "another.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", folder / "k.pem", "-out", file),
        ],
        check=True,
        capture_output=True,
    )
    return file
