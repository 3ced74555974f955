"""Where a URL leads, as far as it says so itself."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host as written (lower case) and port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Origin:
        """The origin of a URL that is nothing but an origin; raises ``ValueError``."""
        parts = urlsplit(text)
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"{text!r} is more than scheme://host[:port]")
        return cls.of(text)

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of a URL; raises ``ValueError`` for what is no plain http(s) URL."""
        # Parsers differ on these; a URL that needs them is not one of ours.
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise ValueError(f"{url!r} has characters that no URL may have")
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"{url!r} is not an http(s) URL")
        if "@" in parts.netloc:
            raise ValueError("a URL must not carry a user name")
        if parts.port == 0:
            raise ValueError("a URL must not have port 0")
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])
