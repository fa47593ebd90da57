"""What is written for a person or a program to read: no file name, argument or manifest can steer the terminal."""

from __future__ import annotations

import json

import click

__all__ = ["echo", "echo_json", "printable"]


def printable(untrusted_text: str) -> str:
    """Return a text as a terminal may show it, on one line: what would steer the terminal is shown as `?`.

    That is control characters of both sets (C0, C1), directions, line breaks, and bytes of a name that are no text.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in untrusted_text)


def echo(untrusted_line: str, *, err: bool = False) -> None:
    """Write one line to stdout, or to stderr."""
    click.echo(printable(untrusted_line), err=err)


def echo_json(document: object, *, err: bool = False, indent: int | None = 2) -> None:
    """Write a JSON document in ASCII: whatever else stands in it is escaped, as C1 characters have to be."""
    text = json.dumps(document, indent=indent, ensure_ascii=True)
    click.echo(text.replace("\x7f", "\\u007f"), err=err)
