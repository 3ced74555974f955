"""Signed file URLs and device tokens, from the same keys."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from pathlib import Path
from urllib.parse import quote

# A signature holds between one and two of these, so that a URL stays the same for a day
# (and a phone's image cache works) and URLs in a stored response outlive it.
_WINDOW_S = 24 * 3600
# How a device token looks: a SHA-256 digest in base64url.
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Signer:
    """Signs with the first key, accepts all: rotate by putting a new key in front."""

    def __init__(self, keys: list[str], public_url: str | None) -> None:
        self._keys = [key.encode() for key in keys]
        self._public_url = (public_url or "").rstrip("/")

    def file_url(self, path: str, *, thumbnail: bool = False) -> str:
        """A URL that opens ``path`` (``/uploads/{type}/{filename}``) without a header."""
        expires = (int(time.time()) // _WINDOW_S + 2) * _WINDOW_S
        signature = _signature(self._keys[0], path, thumbnail, expires)
        size = "thumbnail=1&" if thumbnail else ""
        return f"{self._public_url}{quote(path)}?{size}expires={expires}&signature={signature}"

    def allows(self, path: str, *, thumbnail: bool, expires: str, signature: str) -> bool:
        # isdecimal() alone would take digits of other scripts.
        if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12):
            return False
        if int(expires) < time.time():
            return False
        given = signature.encode("utf-8", "replace")
        return any(
            hmac.compare_digest(_signature(key, path, thumbnail, int(expires)).encode(), given)
            for key in self._keys
        )

    def new_device_token(self, device_id: str, salt: str) -> str:
        return _token(self._keys[0], device_id, salt)

    def device_token(self, device_id: str, salt: str, token_hash: str) -> str | None:
        """The token given out for this salt, unless its key has been rotated away."""
        for key in self._keys:
            token = _token(key, device_id, salt)
            if token_matches(token, token_hash):
                return token
        return None


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def token_matches(token: str, expected_hash: str) -> bool:
    return hmac.compare_digest(token_hash(token), expected_hash)


def load_or_make_key(path: Path) -> str:
    """The installation's own signing key, made at the first start and readable by us alone."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    file = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(file, "w") as key_file:
            key_file.write(secrets.token_urlsafe(48))
            key_file.flush()
            os.fsync(key_file.fileno())
        # Unlike renaming, linking never replaces the key another process just made.
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    return path.read_text().strip()


def _signature(key: bytes, path: str, thumbnail: bool, expires: int) -> str:
    message = f"file\n{path}\n{int(thumbnail)}\n{expires}".encode()
    return _text(hmac.digest(key, message, "sha256"))


def _token(key: bytes, device_id: str, salt: str) -> str:
    return _text(hmac.digest(key, f"device\n{device_id}\n{salt}".encode(), "sha256"))


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
