"""The file of a Zoom app: what it may hold, and that a refusal repeats nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.call.zoom.config import ENVIRONMENT, ZoomConfig
from redaction.errors import UsageError

GOOD = """
client_id = "marker-client"
client_secret = "marker-client-secret"
webhook_secret = "marker-webhook-secret"
"""


def written(folder: Path, text: str) -> Path:
    """Write a file."""
    path = folder / "zoom.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file(tmp_path: Path) -> None:
    """The file is read; secrets are shown nowhere; a path is taken from where the file is."""
    text = (
        GOOD
        + 'public_url = "https://record.example.com/call"\nhost_key = "marker-host-key-1"\nca = "ca.pem"\n'
    )
    config = ZoomConfig.read(written(tmp_path, text), {})
    assert config.client_secret.get_secret_value() == "marker-client-secret"
    assert config.ca == tmp_path / "ca.pem"
    assert "marker-client-secret" not in repr(config)
    assert "marker-webhook" not in repr(config)
    assert "marker-host" not in repr(config)


def test_the_environment_fills_in(tmp_path: Path) -> None:
    """What the file leaves out comes from the environment; what stands in the file wins."""
    surroundings = dict.fromkeys(ENVIRONMENT.values(), "from-the-environment")
    config = ZoomConfig.read(written(tmp_path, 'client_id = "mine"\n'), surroundings)
    assert config.client_id == "mine"
    assert config.webhook_secret.get_secret_value() == "from-the-environment"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "= nonsense",
        "",
        'client_id = "marker-client"\n',
        GOOD + "admin = true\n",
        GOOD + 'public_url = "http://record.example.com"\n',
        GOOD + 'public_url = "https://user:marker-secret@record.example.com"\n',
        GOOD + 'public_url = "https://record.example.com/?marker-secret=1"\n',
        GOOD + 'public_url = "javascript:marker-secret"\n',
        GOOD + 'host_key = "marker-short"\n',
        GOOD + 'host_key = "marker-with/slashes-in-it"\n',
        GOOD + 'hosts = ["*"]\n',
        GOOD + "hosts = []\n",
        GOOD + "meetings = 0\n",
        GOOD + 'video = "gallery"\n',
        GOOD.replace("marker-client-secret", "marker"),
        GOOD.replace('"marker-client"', '"marker,client"'),
        "#" * 70_000,
    ],
)
def test_what_is_no_such_file(tmp_path: Path, text: str | None) -> None:
    """It ends with status 2 and a sentence that repeats nothing."""
    path = tmp_path / "zoom.toml" if text is None else written(tmp_path, text)
    with pytest.raises(UsageError) as refusal:
        ZoomConfig.read(path, {})
    assert "marker" not in refusal.value.sentence
