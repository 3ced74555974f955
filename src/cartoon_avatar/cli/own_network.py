"""Where one's own phone finds the service: its address in the local network, as a QR code too."""

from __future__ import annotations

import io
import socket


def address_in_network() -> str | None:
    """The address that this machine has towards others; None where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of documentation (RFC 5737); nothing is sent
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address


def qr_code(url: str) -> str:
    """``url`` for a phone's camera, in characters of a terminal: white on black, whatever its own
    colours are."""
    # Imported here: only a service that others in the network may reach shows a code.
    import segno

    lines = io.StringIO()
    segno.make(url, error="m").terminal(lines, border=2, compact=True)
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" for line in lines.getvalue().splitlines())
