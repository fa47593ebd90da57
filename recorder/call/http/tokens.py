"""Who may push into a call: bearer tokens from a file, held as digests."""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from redaction.errors import UsageError

__all__ = ["Grant", "Tokens", "bearer"]

_LARGEST_FILE: Final = 1 << 20
_LONGEST: Final = 512


class _TokenEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr = Field(min_length=16, max_length=_LONGEST)
    name: str = Field(default="", max_length=200)
    consent: bool = False
    adult: bool | None = None
    sessions: int = Field(default=1, ge=1, le=64)
    metrics: bool = False


class _TokenFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: tuple[_TokenEntry, ...] = Field(min_length=1, max_length=10_000)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows.

    Attributes:
        holder: which token, by its place in the file or the like; not the token.
        name: the participant's display name, empty when the address names them.
        consent: the pushing system asks its participants and vouches for their answers.
        adult: it says that they are adults, or minors (False), who are never recorded; None where it does not say.
        sessions: how many may be open at once.
        metrics: it reads the server's figures, and may not push.
    """

    holder: str
    name: str = field(default="", repr=False)
    consent: bool = False
    sessions: int = 1
    metrics: bool = False
    adult: bool | None = None


class Tokens:
    """The tokens of a file such as

        [[token]]
        secret = "at least sixteen characters"
        name = "Ada"        # left out: the name comes from the address /whip/NAME
        consent = true      # this system asks its participants, and says no for them when they do
        adult = true        # this system says that they are 18 or older; false: minors, who are never recorded
        sessions = 1        # at once
        metrics = true      # left out: false; this token reads /metrics and may not push

    Only digests are kept.
    """

    def __init__(self, entries: Sequence[tuple[str, Grant]]) -> None:
        self._grants = tuple((_digest(secret), grant) for secret, grant in entries)
        if len({digest for digest, _ in self._grants}) < len(self._grants):
            raise UsageError("The token file holds the same secret twice; every token needs its own.")

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """Read a token file.

        Raises:
            UsageError: it cannot be read, or is not such a file. The sentence repeats nothing of it.
        """
        try:
            if path.stat().st_size > _LARGEST_FILE:
                raise UsageError("The token file is far too large to be one; name another.")
            content = _TokenFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError):
            raise UsageError("The token file cannot be read as UTF-8 text; check the path given.") from None
        except tomllib.TOMLDecodeError:
            raise UsageError("The token file is not valid TOML; it holds [[token]] tables.") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            key = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in _KEYS)
            raise UsageError(
                f"The token file's key {key or '(unknown)'} is not accepted; see --help."
            ) from None
        return cls(
            [
                (
                    entry.secret.get_secret_value(),
                    Grant(
                        f"token-{number}",
                        entry.name,
                        entry.consent and not entry.metrics,
                        entry.sessions,
                        entry.metrics,
                        entry.adult,
                    ),
                )
                for number, entry in enumerate(content.token, start=1)
            ]
        )

    @property
    def vouching(self) -> bool:
        """Whether any pushing system asks its participants itself."""
        return any(grant.consent for _, grant in self._grants)

    @property
    def several(self) -> bool:
        """Whether more than one token may push."""
        return sum(not grant.metrics for _, grant in self._grants) > 1

    def find(self, presented: str | None) -> Grant | None:
        """Return what a presented token allows; the time it takes does not tell how much of it was right."""
        found: Grant | None = None
        digest = _digest(presented or "")
        for known, grant in self._grants:
            if hmac.compare_digest(known, digest):
                found = grant
        return found if presented else None


def bearer(header: str | None) -> str | None:
    """Return the token of an Authorization header. Source: RFC 6750, 2.1."""
    if header is None or len(header) > _LONGEST + 16:
        return None
    scheme, _, token = header.strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


_KEYS: Final = frozenset({"token", *_TokenEntry.model_fields})


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
