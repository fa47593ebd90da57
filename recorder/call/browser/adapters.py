"""One file for each meeting system: in its first line what it is, then the script that finds its way on the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from redaction.errors import UsageError

__all__ = ["Adapter", "adapter_named", "known_adapters"]

_LARGEST_ADAPTER: Final = 64 * 1024


class AdapterFacts(BaseModel):
    """The first line of an adapter's file, a comment that holds JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(max_length=120)
    tested: bool
    hosts: tuple[str, ...] = Field(max_length=32)


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one system's page is used.

    Attributes:
        facts: whether it was tried here, and which hosts its pages need beside the meeting's own.
        script: an expression of JavaScript: the object that `page/handoff.js` asks.
    """

    name: str
    facts: AdapterFacts
    script: str = field(repr=False)


def known_adapters() -> list[Adapter]:
    """Return the adapters that come with offrecord."""
    folder = files("recorder.call.browser").joinpath("adapters")
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".js")), key=lambda one: one.name)
    return [_parsed(one.name.removesuffix(".js"), one.read_text(encoding="utf-8")) for one in found]


def adapter_named(name: str | None) -> list[Adapter]:
    """Return the adapters to try, in their order: the one named, or those that were tried here, the generic one last.

    Args:
        name: of one that comes with offrecord, or the path of a file that ends in .js.

    Raises:
        UsageError: there is none, or the file is no adapter.
    """
    known = {adapter.name: adapter for adapter in known_adapters()}
    if name is None:
        tested = [one for one in known.values() if one.facts.tested and one.name != "generic"]
        return [*tested, known["generic"]]
    if name in known:
        return [known[name]]
    path = Path(name)
    if path.suffix != ".js":
        raise UsageError(
            f"There is no such adapter; there are: {', '.join(known)}, or a file of yours (.js)."
        )
    try:
        if path.stat().st_size > _LARGEST_ADAPTER:
            raise UsageError("The adapter's file is too large.")
        return [_parsed("own", path.read_text(encoding="utf-8"))]
    except (OSError, UnicodeDecodeError):
        raise UsageError("The adapter's file cannot be read.") from None


def _parsed(name: str, text: str) -> Adapter:
    first, _, script = text.partition("\n")
    try:
        facts = AdapterFacts.model_validate_json(first.removeprefix("/*").removesuffix("*/").strip())
    except ValidationError:
        raise UsageError(
            "An adapter's first line is a comment with its title, tested and hosts as JSON."
        ) from None
    return Adapter(name, facts, script.strip())
