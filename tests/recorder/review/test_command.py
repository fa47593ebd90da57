"""The command of a review: what it prints, what it takes, and how it ends."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from recorder.review.state import StateStore
from tests.cli.running import place_in, run
from tests.recorder.bundle.bundles import published_file


def test_it_prints_an_address_with_a_secret_and_ends_when_asked(tmp_path: Path) -> None:
    """The page is there under the address alone, and gone with the command, which ends in good order."""
    bundle = published_file(tmp_path).path
    command = [sys.executable, "-m", "recorder.cli", "review", str(bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{43}/", said)
        assert match is not None, said
        with urlopen(match[0]) as page:
            assert b"<title>Review</title>" in page.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with pytest.raises(URLError):
        urlopen(match[0])


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["nowhere"], 5, "no bundle"),
        (["s3://bucket/dest"], 2, "copy the bundles out of the store"),
        (["{unfinished}"], 5, "never finished"),
        (["{altered}"], 3, "not the one that was published"),
        (["{bundle}", "--sample", "0"], 2, "share"),
        (["{bundle}", "--sample", "120%"], 2, "share"),
        (["{bundle}", "--sample", "some"], 2, "share"),
        (["{bundle}", "--source", "{bundle}/log.jsonl"], 5, "source"),
        (["{bundle}", "--policy", "nowhere.toml"], 2, "policy"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    arguments: list[str], status: int, sentence: str, tmp_path: Path
) -> None:
    """Each mistake has its documented status and a sentence, and nothing is served."""
    bundle = published_file(tmp_path).path
    unfinished = shutil.copytree(bundle, tmp_path / "other.offrecord.partial")
    altered = Path(shutil.copytree(bundle, tmp_path / "altered.offrecord"))
    (altered / "report.html").write_text("another")
    place = place_in(tmp_path)
    places = {"bundle": bundle, "unfinished": unfinished, "altered": altered}
    done = run(["review", *(argument.format(**places) for argument in arguments)], place)
    assert done.status == status, done.err
    assert sentence in done.err
    assert place.leftovers() == []


def test_what_somebody_else_has_open_is_said_before_a_page_is_served(tmp_path: Path) -> None:
    """A second reviewer of one bundle is told so at once, with the status of storage."""
    bundle = published_file(tmp_path).path
    with StateStore(tmp_path).claim(bundle):
        done = run(["review", str(bundle)], place_in(tmp_path))
    assert done.status == 7
    assert "Somebody else has this recording open" in done.err


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """Nothing is served elsewhere instead."""
    bundle = published_file(tmp_path).path
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(["review", str(bundle), "--port", str(taken.getsockname()[1])], place_in(tmp_path))
    assert done.status == 5
    assert "taken" in done.err
