"""Generate docs/commands.md, docs/policy.md and docs/schema/*.json from the program.

`--check` only says whether they are up to date.

python docs/generate.py [--check]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from recorder.bundle.chat import Chat
from recorder.bundle.manifest import Manifest
from recorder.bundle.quality import Quality
from recorder.bundle.transcript import TranscriptFile
from recorder.call.consent.receipts import Receipts
from recorder.cli import cli
from redaction.policy import Policy

DOCS: Final = Path(__file__).resolve().parent
SCHEMAS: Final[Mapping[str, type[BaseModel]]] = {
    "manifest": Manifest,
    "transcript": TranscriptFile,
    "chat": Chat,
    "policy": Policy,
    "receipts": Receipts,
    "quality": Quality,
}

NOTES: Final = {
    "profile": "Sets defaults that go together; a key that is given wins. `product`: who may be a minor, and may not, "
    'is treated as an adult (`minors.in_doubt = "cover"`). `school`: as a minor (`"remove"`).',
    "purpose.name": "Why the recording is kept: lower-case letters, digits and hyphens. Written into the manifest.",
    "purpose.retention_days": "Days until the recording expires; the manifest carries the date.",
    "consent.default": "Live calls: what no answer means. `deny` stores nothing of who has not said yes; `allow` is "
    "for calls where consent was given beforehand, and a no still counts.",
    "consent.if_unasked": "Live calls without a working way to ask (no chat, no page): `refuse` ends with status 4, "
    "`policy` lets `consent.default` decide.",
    "consent.yes_tag": "A mark at the end of a display name that means yes, such as `[rec]`; empty: names mean "
    "nothing. Taking the mark away withdraws, and it counts for nothing after a no by chat or button.",
    "consent.no_tag": "A mark anywhere in a display name that means no, such as `[no-rec]`; while it stands there, no "
    "yes counts.",
    "call.name": "The bot's display name in a live call; say in it that the call is recorded.",
    "call.alone_s": "Seconds after which the bot leaves when nobody else is there.",
    "call.announce": "Show an image tile that says that the call is recorded, and speak the notice once.",
    "call.at_most_s": "Seconds after which the bot leaves in any case.",
    "faces.method": "`solid` fills the face and what surrounds it, `mosaic` leaves at most 8 blocks across it, "
    "`remove` takes the whole person out. There is no blur: attacks undo it (docs/figures.md).",
    "faces.label": "Write a number on each cover of an adult's head that stays with the person: `1`, `2` and so on, in "
    "order of appearance in the track. Faces are told apart by where they are followed, nothing of what they look like "
    "is kept. Who is lost and seen again within a minute in the same place of the same shot keeps it; otherwise "
    "there is a new one. In the composed picture of a call each tile says `P01` in any case.",
    "minors.in_doubt": "What becomes of people whose age the estimates leave open: `cover` treats them as adults, "
    "`remove` as minors. The `product` profile sets `cover`, `school` sets `remove`.",
    "minors.declared": "What the word of who declared to be an adult is worth: "
    "`believe-unless-clearly-a-child` removes them only where the estimates say clearly a child; `ignore` leaves it to "
    "the estimates. Whoever is declared a minor is removed in any case.",
    "minors.all_declared_adult": "Everybody in these recordings declared to be an adult when they joined: each is "
    "believed as `minors.declared` says. The manifest says that it was set.",
    "minors.picture": "Minors are taken out with hair and body; there is no other choice.",
    "minors.voice": "A minor's voice is muted wherever it can be told apart; there is no other choice.",
    "minors.words": "A minor's words are dropped wherever they can be told apart; there is no other choice.",
    "minors.i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible": "Estimate "
    "nobody's age: faces are covered, nobody is removed, not even a clear child. The name says what it risks; the "
    "manifest says that it was set (`minors.unchecked`). `all_declared_adult` is the safer key.",
    "screen.text": "Text in the picture: name tags, chats, documents, mail. `personal` covers the lines that hold "
    "names, numbers or addresses, short lines at the corners of tiles, and what could not be read; what moves "
    "or changed is covered until it was looked at. `all` covers every line, `none` looks for none.",
    "screen.codes": "Cover QR and bar codes, whether or not they can be decoded.",
    "audio.channels": "What the channels of a recording are: with `auto`, channels that differ in speech, such as the "
    "two callers of a telephone call, are tracks of their own, others are mixed; `separate` takes every channel for a "
    "track, `mix` none. Channels that cancel each other are never added up.",
    "voice.method": "`resynthesize` stores no sample of the original: the redacted words are spoken by a synthetic "
    "voice. `disguise` changes the original voice, keeps its melody, and is **not anonymous**: attackers who know the "
    "method link 82 to 99 of 100 voices. `mute` stores silence.",
    "speech.personal": "What is heard in place of personal words: a short `tone`, a spoken `word` such as "
    '"name", or nothing (`mute`).',
    "speech.days": "Which days are personal: those of `appointments`, on which somebody will be met (`talk again on "
    "Thursday`, `Friday at three`), or `all` weekdays and dates.",
    "speech.language": "ISO 639 code of the language spoken, or `auto`, which tells it passage by passage. Languages "
    "other than English need the multilingual model and have no synthetic voice: their sound is silent and the "
    "transcript is kept. With `auto` words of a language without lists of dates (`docs/languages.md`) are masked.",
    "speech.model": "Name of a model from `offrecord models list`, or the absolute path of a CTranslate2 folder.",
    "speech.roster": "Names and other words that are masked wherever they are said, also when nearly misspelt. They "
    "are not part of the policy's digest, which is published.",
    "speech.allow": "Product words that look like names and are not to be masked.",
    "transcript.names": "What stands for personal words in the transcript: a `pseudonym` that stays the same for the "
    "same person ([PERSON 1]), the `label` of its kind ([PERSON]), or nothing (`drop`).",
    "output.crf": "Constant quality of the H.264 encoder: lower is better and larger.",
    "output.preset": "Speed of the H.264 encoder.",
}

HEADER: Final = """# The policy file

A TOML file given with `--policy FILE`. Every key may be left out; a key that is not listed here is an error (status 2).
The manifest of every bundle holds the sha256 of the whole policy but its lists of words, and its main choices in
plain text.

This page is generated from `redaction/policy.py` by `docs/generate.py`; a test holds them together.

```toml
profile = "product"            # or "school"

[purpose]
name = "support-quality"
retention_days = 30

[faces]
method = "solid"

[voice]
method = "resynthesize"

[speech]
personal = "word"
roster = ["Ada Example"]       # masked wherever they are said
allow = ["Jenkins", "Grafana"]  # products, not people
```
"""


COMMANDS_HEADER: Final = """# The command line

Results go to stdout, progress and logs to stderr. With `--json`, results are one JSON document, progress JSON lines.
What each exit status means is in [Troubleshooting](troubleshooting.md).

This page is generated from the program by `docs/generate.py`; a test holds them together.
"""
HELP_WIDTH: Final = 100


def outputs() -> Mapping[Path, str]:
    """Return every generated file with its text."""
    files = {DOCS / "policy.md": policy_page(), DOCS / "commands.md": commands_page()}
    for name, model in SCHEMAS.items():
        schema = json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False)
        files[DOCS / "schema" / f"{name}.schema.json"] = schema + "\n"
    return files


def commands_page() -> str:
    """Return docs/commands.md: the help of the command and of every verb below it."""
    lines = [COMMANDS_HEADER]
    for context in _contexts("offrecord", cli, None):
        text = "\n".join(line.rstrip() for line in context.command.get_help(context).splitlines())
        lines += [f"## {context.command_path}", "", "```text", text, "```", ""]
    return "\n".join(lines)


def _contexts(name: str, command: click.Command, parent: click.Context | None) -> Iterator[click.Context]:
    """Yield a command and all below it, each as it is asked for its help."""
    settings = {**command.context_settings, "terminal_width": HELP_WIDTH, "max_content_width": HELP_WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from _contexts(below, found, context)


def policy_page() -> str:
    """Return docs/policy.md.

    Raises:
        KeyError: a key has no note here, or a note has no key.
    """
    notes = dict(NOTES)
    lines = [HEADER]
    sections = dict(Policy.model_fields)
    lines += ["## Top level", "", "| key | type | default | meaning |", "|---|---|---|---|"]
    profile = sections.pop("profile")
    lines += [f"| `profile` | {_type(profile)} | `{_toml(profile.default)}` | {notes.pop('profile')} |", ""]
    for section, field in sections.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise KeyError(section)
        lines += [f"## [{section}]", "", _summary(model), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for key, info in model.model_fields.items():
            note = notes.pop(f"{section}.{key}")
            lines.append(f"| `{key}` | {_type(info)} | `{_toml(info.default)}` | {note} |")
        lines.append("")
    if notes:
        raise KeyError(", ".join(notes))
    return "\n".join(lines)


def _summary(model: type[BaseModel]) -> str:
    """Return what a section's docstring says before it lists its attributes."""
    return cleandoc(model.__doc__ or "").split("Attributes:")[0].strip()


def _type(info: FieldInfo) -> str:
    """Return a field's type and range in words."""
    limits = []
    for limit in info.metadata:
        for attribute, word in (("ge", "from"), ("le", "to"), ("pattern", "matching")):
            value = getattr(limit, attribute, None)
            if value is not None:
                limits.append(f"{word} `{value}`".replace("|", "\\|"))
    return " ".join([_annotation(info.annotation), *limits])


def _annotation(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " \\| ".join(f"`{_toml(value)}`" for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list of text"
    if isinstance(annotation, UnionType):
        return " or ".join(_annotation(part) for part in get_args(annotation))
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[annotation]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def main() -> int:
    """Write the files, or with --check compare them; return the exit status."""
    stale = []
    for path, text in outputs().items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(DOCS.parent).as_posix())
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stdout.write(
            ("out of date: " if "--check" in sys.argv[1:] else "written: ") + ", ".join(stale) + "\n"
        )
    return int(bool(stale) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
