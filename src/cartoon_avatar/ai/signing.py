"""Signs pictures that are made with a C2PA manifest (specification 2.2), by the operator's
certificate: an extra. docs/marks.md says what is signed and what it is worth.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cartoon_avatar.containers.marks import ALGORITHMIC_MEDIA, BUILT_IN, Mark, term_url

# Of a picture's file and media type, the file with a manifest that says what the mark does.
Sign = Callable[[bytes, str, Mark], bytes]

# A PNG of one pixel, signed once to see whether certificate and key fit.
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a494441"
    "54789c636000000002000148afa4710000000049454e44ae426082"
)


class BadSigning(Exception):
    """Nothing can be signed; the message says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files: a certificate with its chain, the operator's first, and its private key."""

    certificates: Path
    key: Path


def open_signer(identity: Identity) -> Sign:
    """Raises BadSigning."""
    try:
        import c2pa
    except ImportError as error:
        raise BadSigning("signing needs an extra: pip install 'cartoon-avatar[c2pa]'") from error
    try:
        certificates, key = identity.certificates.read_bytes(), identity.key.read_bytes()
        info = c2pa.C2paSignerInfo(_algorithm_of(key), certificates, key, None)
        signer = c2pa.Signer.from_info(info)
        # A picture of the picture would be larger than all else.
        settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
        context = c2pa.Context(settings)
    except (OSError, ValueError, TypeError, c2pa.C2paError) as error:
        raise BadSigning(str(error)) from error

    signing = threading.Lock()  # nowhere is it said that a signer may be shared

    def sign(data: bytes, mime_type: str, mark: Mark) -> bytes:
        signed = io.BytesIO()
        with signing, c2pa.Builder(_manifest(mark), context) as builder:
            builder.sign(signer, mime_type, io.BytesIO(data), signed)
        return signed.getvalue()

    try:
        sign(_PNG, "image/png", Mark(ALGORITHMIC_MEDIA, BUILT_IN, "0"))
    except c2pa.C2paError as error:
        raise BadSigning(str(error)) from error
    return sign


def _algorithm_of(pem: bytes) -> bytes:
    # It comes with c2pa-python.
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size in (256, 384, 521):
        return {256: b"es256", 384: b"es384", 521: b"es512"}[key.key_size]
    if isinstance(key, rsa.RSAPrivateKey):
        return b"ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    raise ValueError(f"C2PA has no algorithm for a {type(key).__name__}")


def _manifest(mark: Mark) -> dict[str, object]:
    created: dict[str, object] = {
        "action": "c2pa.created",
        "digitalSourceType": term_url(mark.source_type),
    }
    if mark.engine:
        created["softwareAgent"] = {"name": mark.engine, "version": mark.version}
    return {
        "claim_generator_info": [
            {"name": "cartoon-avatar", "version": version("cartoon-avatar")},
        ],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
