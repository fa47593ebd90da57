"""What `offrecord serve --zoom` is told of a Zoom app: a TOML file, secrets from there or from the environment."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from redaction.errors import UsageError

__all__ = ["ENVIRONMENT", "ZoomConfig"]

_LARGEST_FILE: Final = 1 << 16
_HOST: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.I
)
ENVIRONMENT: Final[Mapping[str, str]] = {
    "client_id": "OFFRECORD_ZOOM_CLIENT_ID",
    "client_secret": "OFFRECORD_ZOOM_CLIENT_SECRET",
    "webhook_secret": "OFFRECORD_ZOOM_WEBHOOK_SECRET",
    "host_key": "OFFRECORD_ZOOM_HOST_KEY",
}
"""Where a key that the file leaves out is taken from."""


class ZoomConfig(BaseModel):
    """The file `zoom.toml`.

    Attributes:
        client_id, client_secret: of the app, from its credentials.
        webhook_secret: the secret token of its event subscription.
        public_url: under which participants reach this server; without it nobody can be asked.
        host_key: opens the page with the links to the consent page; made up at each start if left out.
        meetings: recorded at once; as many as the machine carries if left out.
        video: of one who agreed, as asked for, or of whoever speaks, as Zoom chooses.
        hosts: domains of Zoom's servers; no other is connected to.
        ca: a PEM file of certificates to trust instead of the system's, relative to the file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: str = Field(pattern=r"^[!-+\--~]{1,200}$")  # no comma: it joins what is signed
    client_secret: SecretStr = Field(min_length=8, max_length=512)
    webhook_secret: SecretStr = Field(min_length=8, max_length=512)
    public_url: str = ""
    host_key: SecretStr | None = Field(default=None, min_length=16, max_length=128)
    meetings: int | None = Field(default=None, ge=1, le=64)
    video: Literal["individual", "active-speaker"] = "individual"
    hosts: tuple[str, ...] = Field(default=("zoom.us",), min_length=1, max_length=16)
    ca: Path | None = None

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if not all(len(host) <= 253 and _HOST.fullmatch(host) for host in hosts):
            raise ValueError("not a host name")
        return hosts

    @field_validator("host_key")
    @classmethod
    def _is_in_an_address(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", key.get_secret_value()):
            raise ValueError("not of letters, digits, hyphens and underscores")
        return key

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if self.public_url:
            parts = urlsplit(self.public_url)
            local = parts.hostname in ("localhost", "127.0.0.1", "::1")
            right = parts.scheme == "https" or (parts.scheme == "http" and local)
            if not right or not parts.hostname or parts.username or parts.query or parts.fragment:
                raise ValueError("no https address")
        return self

    @classmethod
    def read(cls, path: Path, environment: Mapping[str, str] | None = None) -> Self:
        """Read the file; what it leaves out of the secrets comes from the environment.

        Raises:
            UsageError: it cannot be read, or is not such a file. The sentence repeats nothing of it.
        """
        surroundings = os.environ if environment is None else environment
        try:
            if path.stat().st_size > _LARGEST_FILE:
                raise UsageError("The Zoom file is far too large to be one; name another.")
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise UsageError("The Zoom file cannot be read as UTF-8 text; check the path given.") from None
        except tomllib.TOMLDecodeError:
            raise UsageError("The Zoom file is not valid TOML; see docs/zoom.md.") from None
        for key, name in ENVIRONMENT.items():
            if key not in content and surroundings.get(name):
                content[key] = surroundings[name]
        try:
            found = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            key = str(first["loc"][0]) if first["loc"] else "public_url"
            named = key if key in cls.model_fields else "(unknown)"
            raise UsageError(
                f"The Zoom file's key {named} is missing or not accepted; see docs/zoom.md."
            ) from None
        if found.ca is not None:
            return found.model_copy(update={"ca": path.parent / found.ca})
        return found
