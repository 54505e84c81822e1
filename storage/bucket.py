"""Files in a bucket of an S3 service, by obstore (the extra `s3`).

    s3://BUCKET/PREFIX?endpoint=https://s3.example.com&region=eu-1

Address and region may stand in the URL, else in `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` and
`AWS_REGION` or `AWS_DEFAULT_REGION`. The keys are `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`
(and `AWS_SESSION_TOKEN`) and never come from anywhere else: neither the machine's metadata nor
files of the home folder are asked.

A file is written to a folder of this machine first and sent whole, in parts where it is long; the
service shows it under its name when it has all of it. An upload that broke off leaves hidden parts
in the bucket: a lifecycle rule of the service takes them away.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

from storage.files import Draft, FilesSilent, Folder, Lying, check_name

if TYPE_CHECKING:
    from pathlib import Path

    from obstore.store import ObjectStore, S3Credential, S3Store

T = TypeVar("T")

BLOCK: Final = 2 * 1024**2
"""So much is asked for at once, so that a slow listener holds no request open."""

PART: Final = 5 * 1024**2
CONNECT: Final = timedelta(seconds=5)
REQUEST: Final = timedelta(seconds=30)
"""How long one part, or one block, may take; then it is tried again, twice at most."""

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_ALLOWED: Final = {"endpoint", "region"}


def open_bucket(url: str, environ: Mapping[str, str], drafts: Folder) -> Bucket:
    """Read `s3://…`; nothing is asked of the service yet. Raises ValueError."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    bucket_known = _BUCKET.fullmatch(parts.netloc)
    if not bucket_known or (prefix and not _PREFIX.fullmatch(prefix)) or ".." in prefix:
        raise ValueError("s3:// is followed by BUCKET or BUCKET/PREFIX")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := asked.keys() - _ALLOWED:
        raise ValueError(f"unknown {min(unknown)!r}; allowed are endpoint and region")
    missing = [name for name in _KEYS if not environ.get(name)]
    if missing:
        raise ValueError(f"s3:// needs {' and '.join(missing)} in the environment")
    endpoint = (
        asked.get("endpoint")
        or environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
    )
    if endpoint and not re.fullmatch(r"https?://[^/?#@]+/?", endpoint):
        raise ValueError("endpoint: begins with http:// or https:// and ends with the host or port")
    region = asked.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    token = environ.get("AWS_SESSION_TOKEN") or None
    keys = (environ[_KEYS[0]], environ[_KEYS[1]], token)
    return Bucket(_store(parts.netloc, prefix, endpoint, region, keys), drafts)


_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def _store(
    bucket: str,
    prefix: str,
    endpoint: str | None,
    region: str | None,
    keys: tuple[str, str, str | None],
) -> S3Store:
    try:
        from obstore.store import S3Store
    except ImportError:
        raise ValueError("s3:// needs: pip install 'callrouter[s3]'") from None
    region = region or "us-east-1"
    endpoint = (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/")
    return S3Store(
        bucket,
        prefix=prefix or None,
        config={
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,
            "region": region,
            "virtual_hosted_style_request": False,
            "skip_signature": False,
            "disable_bulk_delete": True,  # many services have none
        },
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": CONNECT,
            "timeout": REQUEST,
        },
        retry_config={"max_retries": 2, "retry_timeout": REQUEST},
        credential_provider=lambda: _credential(*keys),
    )


def _credential(key: str, secret: str, token: str | None) -> S3Credential:
    return {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": None}


@dataclass(frozen=True)
class Bucket:
    """`drafts`: the folder of this machine where a file is written before it is sent."""

    store: ObjectStore
    drafts: Folder

    def begin(self) -> Draft:
        return self.drafts.draft_for(self._send)

    def make_sure_of_room(self, size: int) -> None:
        self.drafts.make_sure_of_room(size)

    def sweep(self, older_than_s: float) -> int:
        return self.drafts.sweep(older_than_s)

    def _send(self, draft: Path, name: str) -> None:
        import obstore

        size = draft.stat().st_size
        _ask(
            lambda: obstore.put(self.store, name, draft, chunk_size=PART, max_concurrency=2),
            f"keep {name}",
        )
        there = self.size(name)
        if there != size:
            self.delete(name)
            raise FilesSilent(f"{name} came there with {there} bytes of {size}")
        draft.unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        import obstore

        check_name(name)
        try:
            return _ask(lambda: obstore.head(self.store, name)["size"], f"look for {name}")
        except FileNotFoundError:
            return None

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Raises FileNotFoundError."""
        import obstore

        check_name(name)
        if length is None:
            size = self.size(name)
            if size is None:
                raise FileNotFoundError(name)
            length = size - start
        end = start + length
        for place in range(start, end, BLOCK):
            block = partial(obstore.get_range, self.store, name, start=place)
            yield bytes(_ask(partial(block, end=min(place + BLOCK, end)), f"read {name}"))

    def delete(self, name: str) -> None:
        import obstore

        check_name(name)
        with contextlib.suppress(FileNotFoundError):
            _ask(lambda: obstore.delete(self.store, name), f"delete {name}")

    def under(self, folder: str) -> Iterator[Lying]:
        import obstore

        pages = iter(obstore.list(self.store, f"{folder}/", chunk_size=500))
        while page := _ask(lambda: next(pages, None), f"list {folder}"):
            for one in page:
                yield Lying(one["path"], one["size"], one["last_modified"])


_REFUSED: Final = (
    "the S3 service refuses us; see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do "
    "in the bucket"
)


def _ask(do: Callable[[], T], what: str) -> T:
    """Ask the service. Raises FileNotFoundError, FilesSilent."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        return do()
    except FileNotFoundError:
        raise
    except (PermissionDeniedError, UnauthenticatedError):
        raise FilesSilent(f"cannot {what}: {_REFUSED}") from None
    except (BaseError, OSError, ValueError) as error:
        if "403 Forbidden" in str(error):  # of a list
            raise FilesSilent(f"cannot {what}: {_REFUSED}") from None
        raise FilesSilent(f"cannot {what}: {_first_line(error)}") from None


def _first_line(error: Any) -> str:  # noqa: ANN401  whatever it was
    return str(error).partition("\n")[0][:300]
