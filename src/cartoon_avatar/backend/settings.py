"""The one reader of the backend's environment."""

from __future__ import annotations

import re
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cartoon_avatar.contract.limits import MAX_UPLOAD_BYTES

_MEGABYTE = 1_000_000


class BackendSettings(BaseSettings):
    """One environment variable each: the field's name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    data_dir: Path = Field(
        Path("data"),
        description="Folder of the pictures, the SQLite file and the signing key.",
    )
    database_url: str | None = Field(
        None,
        description="URL of a PostgreSQL database, as its host hands it out:"
        " `postgresql://user:password@host/name?sslmode=require`; by default SQLite in DATA_DIR.",
    )
    database_timeout_s: float = Field(
        5,
        gt=0,
        description="Longest wait for a connection, a lock or another writer of the database, in"
        " seconds; a statement may run twice as long.",
    )
    storage_url: str | None = Field(
        None,
        description="Where pictures are kept: `s3://bucket` or `s3://bucket/prefix`;"
        " by default folders in DATA_DIR.",
    )
    aws_endpoint_url: str | None = Field(
        None,
        description="URL of an S3-compatible server; by default Amazon's of AWS_REGION.",
    )
    aws_region: str | None = Field(None, description="Region of the bucket.")
    aws_access_key_id: str | None = Field(
        None,
        description="Key to the bucket; without one the machine's or container's role is used.",
    )
    aws_secret_access_key: SecretStr | None = Field(
        None, description="The secret that belongs to AWS_ACCESS_KEY_ID."
    )
    storage_timeout_s: float = Field(
        10, gt=0, description="Longest wait for a response of the bucket, in seconds."
    )
    file_delivery: Literal["stream", "redirect", "nginx"] = Field(
        "stream",
        description="How pictures reach clients: through the backend (`stream`); from a bucket by"
        " a redirect to a URL of it that holds for five minutes (`redirect`); from the disk by the"
        " nginx in front, told so by X-Accel-Redirect (`nginx`, with docs/nginx.conf).",
    )
    migrate_on_start: bool = Field(
        True,
        description="Bring the schema up to date at start; turn off to run `migrate` by hand.",
    )
    ai_url: str = Field(
        "http://127.0.0.1:8001",
        description="Base URL of the AI service; it may have a path.",
    )
    ai_timeout_s: float = Field(
        60,
        gt=0,
        description="Longest time a request may wait for the AI service in all, in seconds.",
    )
    public_url: HttpUrl | None = Field(
        None,
        description="Where clients reach the backend. If set, picture URLs are absolute;"
        " otherwise they are paths for the client to resolve.",
    )
    signing_keys: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Secrets that sign file URLs, comma-separated: the first signs, all verify"
        " (rotation). By default one is made and kept in DATA_DIR/signing.key.",
    )
    api_dialect: Literal["ours", "original"] = Field(
        "ours",
        description="`original` serves the API of the original design instead of ours, for its"
        " apps (docs/moving.md).",
    )
    device_auth: Literal["optional", "required"] = Field(
        "optional",
        description="`required` demands the device token on every request after the first upload.",
    )
    keep_metadata: bool = Field(
        False, description="Keep EXIF, GPS and other metadata in stored photos."
    )
    max_upload_bytes: int = Field(MAX_UPLOAD_BYTES, gt=0, description="Largest photo, in bytes.")
    body_timeout_s: float = Field(
        300, gt=0, description="Longest time a request's body may take to arrive, in seconds."
    )
    min_free_bytes: int = Field(
        200 * _MEGABYTE,
        ge=0,
        description="Free disk space below which uploads are refused.",
    )
    cartoon_ttl_s: int = Field(
        24 * 3600, gt=0, description="Life of a temporary cartoon, in seconds."
    )
    unowned_grace_s: int = Field(
        3600,
        gt=0,
        description="Age at which a file without a row is swept, in seconds.",
    )
    sweep_interval_s: int = Field(3600, gt=0, description="Seconds between two sweeps.")
    device_drawings_per_minute: int = Field(
        60,
        gt=0,
        description="Uploads, regenerations and downloads a device may ask for a minute,"
        " counted by each process on its own.",
    )
    address_drawings_per_minute: int = Field(
        600, gt=0, description="The same for one network address, also by each process."
    )
    max_live_cartoons: int = Field(
        200, gt=0, description="Temporary cartoons a device may have at once."
    )
    max_queued_jobs: int = Field(
        1000, gt=0, description="Jobs that may wait to be drawn, of all devices."
    )
    max_device_jobs: int = Field(
        50, gt=0, description="Jobs of one device that may be waiting or under way."
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses or networks, comma-separated, whose X-Forwarded-For is believed;"
        " with FILE_DELIVERY=nginx they are sent paths instead of pictures.",
    )
    cors_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Web origins allowed to call the API, comma-separated.",
    )
    moderation_url: HttpUrl | None = Field(
        None,
        description="URL that judges each photo before it is drawn and each drawing before it is"
        " stored (docs/moderation.md); by default nobody does.",
    )
    moderation_token: SecretStr | None = Field(
        None, description="Sent to MODERATION_URL as `Authorization: Bearer …`."
    )
    moderation_timeout_s: float = Field(
        10, gt=0, description="Longest time MODERATION_URL may take for a picture, in seconds."
    )
    moderation_fails: Literal["closed", "open"] = Field(
        "closed",
        description="Without a judgement: `closed` draws and shows nothing; `open` does, save what"
        " generators and networks draw.",
    )
    reports_kept_days: int = Field(
        90, gt=0, description="Days that a report is kept once it is decided."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )
    log_format: Literal["console", "json"] | None = Field(
        None,
        description="Logs for a person (`console`) or a program (`json`); by default for a person"
        " where standard error is a terminal.",
    )

    @field_validator("signing_keys", "trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("signing_keys")
    @classmethod
    def _long_enough(cls, keys: list[str]) -> list[str]:
        if any(len(key) < 32 for key in keys):
            raise ValueError("each key needs at least 32 characters")
        return keys

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ip_network(network, strict=False)
        return networks

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, url: str | None) -> str | None:
        return None if url is None else _for_our_driver(url)

    @field_validator("storage_url")
    @classmethod
    def _bucket(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"s3://[a-z0-9.-]+(/[A-Za-z0-9._/-]*)?", url):
            raise ValueError("must be s3://bucket or s3://bucket/prefix")
        return url

    @field_validator("ai_url")
    @classmethod
    def _http_url(cls, url: str) -> str:
        HttpUrl(url)
        return url.rstrip("/")

    @model_validator(mode="after")
    def _deliverable(self) -> Self:
        if self.file_delivery == "nginx" and (self.storage_url or not self.trusted_proxies):
            raise ValueError(
                "FILE_DELIVERY=nginx needs pictures on the disk (no STORAGE_URL), and the address"
                " of nginx in TRUSTED_PROXIES"
            )
        return self

    @model_validator(mode="after")
    def _open_to_apps_of_the_original(self) -> Self:
        if self.api_dialect == "original" and self.device_auth == "required":
            raise ValueError(
                "API_DIALECT=original knows no device tokens: DEVICE_AUTH must be optional"
            )
        if self.api_dialect == "original" and self.public_url is None:
            raise ValueError("API_DIALECT=original needs PUBLIC_URL: its picture URLs are whole")
        return self

    @cached_property
    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(network, strict=False) for network in self.trusted_proxies)

    @property
    def database(self) -> str:
        """The database's URL, the embedded one included."""
        return self.database_url or f"sqlite:///{self.data_dir / 'avatars.sqlite'}"

    @property
    def signing_key_file(self) -> Path:
        return self.data_dir / "signing.key"


# Parameters of libpq in the URLs of hosting providers that our driver does not need or support.
_NEEDLESS = {"channel_binding", "connect_timeout", "gssencmode", "keepalives"}
# Allowed query parameters; `db.session` passes them to the driver.
LIBPQ_OPTIONS = {
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    *("target_session_attrs", "options", "application_name", "passfile", "krbsrvname"),
}
_DRIVER_OPTIONS = {"host", "port", "ssl", "prepared_statement_cache_size"}


def _for_our_driver(url: str) -> str:
    """The URL with the driver's name in it (`postgresql+asyncpg`), however the host wrote it."""
    scheme, found, rest = url.partition("://")
    if scheme in ("sqlite", "sqlite+pysqlite", "sqlite+aiosqlite") and found:
        return url
    if scheme not in ("postgres", "postgresql", "postgresql+asyncpg") or not found:
        raise ValueError("must be postgresql://user:password@host/name")
    address, _, query = rest.partition("?")
    options = [
        (name, value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name not in _NEEDLESS
    ]
    unknown = {name for name, _ in options} - LIBPQ_OPTIONS - _DRIVER_OPTIONS
    if unknown:
        raise ValueError(f"`{', '.join(sorted(unknown))}` in its query is not understood")
    return f"postgresql+asyncpg://{address}" + (f"?{urlencode(options)}" if options else "")


class BadSettings(Exception):
    """The message names each wrong environment variable and what is wrong with it."""


def settings_from_environment() -> BackendSettings:
    try:
        return BackendSettings()
    except ValidationError as error:
        # An error about several variables together has no location.
        faults = [
            ": ".join([*(str(part).upper() for part in fault["loc"][:1]), fault["msg"]])
            for fault in error.errors()
        ]
        raise BadSettings("; ".join(faults)) from error
