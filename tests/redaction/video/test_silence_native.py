"""Native greetings are swallowed, and nothing else."""

import os

import pytest

from redaction.video.silence_native import silent_stderr


def test_stderr_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard error is silent only while a net is opened, an exception in between included."""
    with silent_stderr():
        os.write(2, b"greeting")
    with pytest.raises(KeyError), silent_stderr():
        raise KeyError
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
