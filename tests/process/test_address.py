from __future__ import annotations

import socket

import pytest

from cartoon_avatar.process.address import listen_fault, reached_at


def test_a_port_that_is_taken_has_a_fault_and_a_free_one_has_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listen_fault("127.0.0.1", port) == "Address already in use"
    assert listen_fault("127.0.0.1", port) is None


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("fe80::1", "[fe80::1]"),
        ("avatars.example", "avatars.example"),
    ],
)
def test_a_service_that_listens_everywhere_is_reached_on_the_loopback(
    host: str, reached: str
) -> None:
    assert reached_at(host) == reached
