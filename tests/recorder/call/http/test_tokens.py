"""Bearer tokens from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.call.http.tokens import Grant, Tokens, bearer
from redaction.errors import UsageError

SECRET = "correct-horse-battery"


def _file(folder: Path, text: str) -> Path:
    path = folder / "tokens.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_token_is_found(tmp_path: Path) -> None:
    """The right secret gives its grant; near misses, parts and nothing give none."""
    path = _file(
        tmp_path,
        f'[[token]]\nsecret = "{SECRET}"\nname = "Ada"\nconsent = true\nadult = true\n'
        '[[token]]\nsecret = "another-long-secret"\n[[token]]\nsecret = "a-school-for-minors"\nadult = false\n',
    )
    tokens = Tokens.read(path)
    assert tokens.find(SECRET) == Grant("token-1", "Ada", True, 1, adult=True)
    assert tokens.find("another-long-secret") == Grant("token-2")
    assert tokens.find("a-school-for-minors") == Grant("token-3", adult=False)
    for wrong in (None, "", SECRET[:-1], SECRET + "x", SECRET.upper(), "\udc80"):
        assert tokens.find(wrong) is None
    assert tokens.vouching


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml [",
        "token = []",
        f'[[token]]\nsecret = "{SECRET}"\nrole = "admin"',
        '[[token]]\nsecret = "hunter2"',
        f'[[token]]\nsecret = "{SECRET}"\n[[token]]\nsecret = "{SECRET}"',
        f'[[token]]\nsecret = "{SECRET}"\nsessions = 0',
        f'[[token]]\nsecret = "{SECRET}"\nadult = 17',
    ],
)
def test_a_bad_file_is_refused_in_silence(tmp_path: Path, text: str) -> None:
    """A file that is no token file ends with status 2, and the sentence repeats no secret and no path."""
    with pytest.raises(UsageError) as caught:
        Tokens.read(_file(tmp_path, text))
    assert SECRET not in caught.value.sentence
    assert "hunter2" not in caught.value.sentence
    assert str(tmp_path) not in caught.value.sentence
    assert caught.value.__cause__ is None


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """No file, no tokens: nobody may push."""
    with pytest.raises(UsageError):
        Tokens.read(tmp_path / "nothing.toml")


def test_secrets_and_names_stay_out_of_repr(tmp_path: Path) -> None:
    """Nothing that is printed by accident shows a secret or a name."""
    tokens = Tokens.read(_file(tmp_path, f'[[token]]\nsecret = "{SECRET}"\nname = "Ada"'))
    shown = repr(tokens) + repr(vars(tokens)) + repr(tokens.find(SECRET))
    assert SECRET not in shown
    assert "Ada" not in shown


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
        (None, None),
        ("Bearer " + "x" * 1000, None),
    ],
)
def test_bearer(header: str | None, token: str | None) -> None:
    """Only a bearer token of bearable length is taken from the header."""
    assert bearer(header) == token
