"""Opens the storage that the settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage.local import LocalStorage
from cartoon_avatar.backend.storage.protocol import Storage


def open_storage(settings: BackendSettings) -> Storage:
    """A bucket if STORAGE_URL names one, else the folder DATA_DIR."""
    if settings.storage_url is None:
        return LocalStorage(settings.data_dir)
    # Imported where it is used: the client is an extra.
    from cartoon_avatar.backend.storage.s3 import S3Storage

    url = urlsplit(settings.storage_url)
    secret = settings.aws_secret_access_key
    return S3Storage(
        url.netloc,
        url.path.strip("/"),
        timeout_s=settings.storage_timeout_s,
        endpoint=settings.aws_endpoint_url,
        region=settings.aws_region,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=None if secret is None else secret.get_secret_value(),
    )
