"""With a certificate of the operator cartoons and heads are signed, as the C2PA's library reads."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fastapi import FastAPI

from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION
from cartoon_avatar.ai.settings import BadSettings, settings_from_environment
from cartoon_avatar.ai.signing import BadSigning, Identity, open_signer
from cartoon_avatar.containers.marks import TRAINED_MEDIA, Mark
from cartoon_avatar.contract import headers, paths
from tests.ai.conftest import running, saved, scene, until_ready
from tests.marks import said_of

OURS = f"built-in {ENGINE_VERSION}"


def certificate(
    name: str, key: Any, issuer: x509.Certificate | None, issuer_key: Any
) -> x509.Certificate:
    """An authority's own without ``issuer``, else one that signs documents."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Operators of tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now, is_authority = datetime.now(UTC), issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not is_authority:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def identity_in(folder: Path, key: Any = None) -> Identity:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = certificate("An authority", authority_key, None, authority_key)
    key = key or ec.generate_private_key(ec.SECP256R1())
    own = certificate("An operator", key, authority, authority_key)
    identity = Identity(folder / "chain.pem", folder / "key.pem")
    identity.certificates.write_bytes(
        own.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    )
    identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return identity


def manifest_of(data: bytes, mime_type: str) -> tuple[str, dict[str, Any]]:
    """Whether signature and bytes belong together, and what is signed."""
    with c2pa.Reader(mime_type, io.BytesIO(data)) as reader:
        read = json.loads(reader.json())
    return read["validation_state"], read["manifests"][read["active_manifest"]]


def action_in(manifest: dict[str, Any]) -> dict[str, Any]:
    (assertion,) = manifest["assertions"]
    (action,) = assertion["data"]["actions"]
    return action


@pytest.mark.parametrize(
    "make_key",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["P-256", "P-384", "RSA", "Ed25519"],
)
def test_any_key_of_the_specification_signs(tmp_path: Path, make_key: Callable[[], Any]) -> None:
    sign = open_signer(identity_in(tmp_path, make_key()))
    mark = Mark(TRAINED_MEDIA, "clay", "gpt-image-1")
    for kind in ("JPEG", "PNG", "WEBP"):
        mime_type, data = f"image/{kind.lower()}", saved(scene(), kind)
        signed = sign(data, mime_type, mark)
        state, manifest = manifest_of(signed, mime_type)
        action = action_in(manifest)
        assert state == "Valid"
        assert action["digitalSourceType"].endswith(f"/{TRAINED_MEDIA}")
        assert action["softwareAgent"] == {"name": "clay", "version": "gpt-image-1"}
        assert manifest["signature_info"]["common_name"] == "An operator"
        assert "thumbnail" not in manifest
        assert len(signed) < len(data) + 10_000
        middle = len(data) // 2
        at = signed.index(data[middle : middle + 20])
        other = bytearray(signed)
        other[at] ^= 1
        assert manifest_of(bytes(other), mime_type)[0] == "Invalid"


async def test_cartoons_and_heads_are_signed_and_small_copies_are_not(
    app_for: Callable[..., FastAPI], astronaut: bytes, tmp_path: Path
) -> None:
    identity = identity_in(tmp_path)
    app = app_for(c2pa_cert=identity.certificates, c2pa_key=identity.key)
    async with running(app) as ai:
        await until_ready(ai)
        drawn = await ai.post(
            paths.GENERATE_CARTOON,
            files={"image": astronaut},
            data={"size": "256", "style": "ink", "thumbnail": "1"},
        )
        small = int(drawn.headers[headers.THUMBNAIL_BYTES])
        cartoon = drawn.content[:-small]
        for kind in ("png", "webp", "jpeg"):
            cut = await ai.post(
                paths.PROCESS_FACE_CUT,
                files={"image": cartoon, "original": astronaut},
                data={"format": kind},
            )
            assert_signed(cut)
        assert manifest_of(cartoon, "image/jpeg")[0] == "Valid"
        assert said_of(cartoon) == ("algorithmicMedia", OURS)
        assert b"c2pa" not in drawn.content[-small:]


def assert_signed(response: httpx.Response) -> None:
    assert response.status_code == 200
    state, manifest = manifest_of(response.content, response.headers["content-type"])
    action = action_in(manifest)
    assert state == "Valid"
    assert action["digitalSourceType"].endswith("/algorithmicMedia")
    assert action["softwareAgent"] == {"name": "built-in", "version": str(ENGINE_VERSION)}
    assert said_of(response.content) == ("algorithmicMedia", OURS)


def test_what_cannot_sign_stops_the_start_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = identity_in(tmp_path)
    monkeypatch.setenv("C2PA_CERT", str(identity.certificates))
    with pytest.raises(BadSettings, match="one of them is not set"):
        settings_from_environment()
    monkeypatch.setenv("C2PA_KEY", str(tmp_path / "none.pem"))
    with pytest.raises(BadSettings, match=r"C2PA_CERT, C2PA_KEY: .*No such file"):
        settings_from_environment()
    monkeypatch.setenv("C2PA_KEY", str(identity.key))
    assert settings_from_environment().identity == identity

    (tmp_path / "other").mkdir()
    other = identity_in(tmp_path / "other")
    for certificates, key in (
        (identity.certificates, other.key),  # of another certificate
        (identity.key, identity.key),
        (identity.certificates, identity.certificates),
    ):
        with pytest.raises(BadSigning):
            open_signer(Identity(certificates, key))
