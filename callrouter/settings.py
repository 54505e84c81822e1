"""Settings: the only place that reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from callrouter.domain.mailbox import BadMailbox, read_mailbox

_ISSUER = r"(?:https://[^\s/?#@]+|http://(?:127\.0\.0\.1|localhost)(?::[0-9]+)?)(?:/[^\s?#]*)?"
_BASES = ("sqlite:///", "postgresql://", "postgres://")


class BadSettings(Exception):
    """A setting that cannot be used; the text names it and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things lie and what the service is called outside.

    `files_shared`: all nodes see the same local folder. `public_url` has no slash at its end.
    `secret_key` None: made and kept in `data_dir`. `whisper_model`: a folder.
    `oidc_issuer` "": nobody signs in by another service.
    """

    data_dir: Path = Path("var")
    database_url: str = ""
    files_url: str = ""
    files_shared: bool = False
    public_url: str = ""
    smtp_url: str | None = field(default=None, repr=False)
    trusted_proxies: tuple[str, ...] = ()
    secret_key: str | None = field(default=None, repr=False)
    whisper_model: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'callrouter.db'}"

    @property
    def files(self) -> str:
        return self.files_url or (self.data_dir / "files").absolute().as_uri()

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read `CALLROUTER_…` and `.env` of the working directory. Raises BadSettings."""
    given = dict(os.environ if environ is None else environ)
    if environ is None:
        given = {**_dotenv(Path(".env")), **given}

    def get(name: str) -> str:
        return given.get(f"CALLROUTER_{name}", "").strip()

    database = get("DATABASE_URL")
    if database and (database in _BASES or not database.startswith(_BASES)):
        raise BadSettings(
            "CALLROUTER_DATABASE_URL: allowed are sqlite:///PATH and postgresql://USER@HOST/BASE"
        )
    secret = get("SECRET_KEY") or None
    if database.startswith("postgres") and not secret:
        raise BadSettings(
            "CALLROUTER_SECRET_KEY: obligatory with PostgreSQL; every node needs the same one, "
            "for example the output of: openssl rand -base64 32"
        )
    if secret and len(secret) < 16:
        raise BadSettings("CALLROUTER_SECRET_KEY: at least 16 characters")
    files = get("FILES_URL")
    if files and not files.startswith(("file:///", "s3://")):
        raise BadSettings("CALLROUTER_FILES_URL: allowed are file:///PATH and s3://BUCKET/PREFIX")
    shared = get("FILES_SHARED")
    if shared not in ("", "0", "1"):
        raise BadSettings("CALLROUTER_FILES_SHARED: allowed are 1 and 0")
    public = get("PUBLIC_URL").rstrip("/")
    if public and not public.startswith(("http://", "https://")):
        raise BadSettings("CALLROUTER_PUBLIC_URL: begins with http:// or https://")
    smtp = get("SMTP_URL") or None
    try:
        if smtp:
            read_mailbox(smtp)
    except BadMailbox as error:
        raise BadSettings(f"CALLROUTER_SMTP_URL: {error}") from None
    issuer, client_id = get("OIDC_ISSUER"), get("OIDC_CLIENT_ID")
    if issuer and not _is_issuer(issuer):
        raise BadSettings(
            "CALLROUTER_OIDC_ISSUER: begins with https:// (http:// only on this machine), "
            "as the issuer writes itself"
        )
    if bool(issuer) != bool(client_id):
        raise BadSettings("CALLROUTER_OIDC_ISSUER and CALLROUTER_OIDC_CLIENT_ID: both or neither")
    return Settings(
        data_dir=Path(get("DATA_DIR") or "var"),
        database_url=database,
        files_url=files,
        files_shared=shared == "1",
        public_url=public,
        smtp_url=smtp,
        trusted_proxies=_networks(get("TRUSTED_PROXIES")),
        secret_key=secret,
        whisper_model=get("WHISPER_MODEL"),
        oidc_issuer=issuer,
        oidc_client_id=client_id,
        oidc_client_secret=get("OIDC_CLIENT_SECRET"),
        environ=given,
    )


def _is_issuer(text: str) -> bool:
    try:
        return bool(re.fullmatch(_ISSUER, text)) and urlsplit(text).port != 0
    except ValueError:  # its port is none, or its host
        return False


def _networks(text: str) -> tuple[str, ...]:
    networks = tuple(part.strip() for part in text.split(",") if part.strip())
    for network in networks:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise BadSettings(
                f"CALLROUTER_TRUSTED_PROXIES: {network!r} is neither an address nor a network; "
                "allowed is a list like 10.0.0.0/8, 127.0.0.1"
            ) from None
    return networks


def _dotenv(path: Path) -> dict[str, str]:
    """NAME=value lines of a file that `callrouter init` wrote; nothing is expanded."""
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = value.strip().strip('"')
    return found
