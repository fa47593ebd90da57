"""The page for embedding programs: its examples run as they stand, in order, with the real models."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import recorder
import redaction
from tests.media import make_clip
from tests.paths import ROOT

_PAGE = (ROOT / "docs/embedding.md").read_text(encoding="utf-8")
_EXAMPLES = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)


@pytest.mark.slow
def test_every_example_runs(tmp_path: Path) -> None:
    """One program made of all examples publishes a bundle, reads it, and redacts frames and words."""
    make_clip(tmp_path / "call.mp4", seconds=2, size=(320, 240))
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(_EXAMPLES)],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(Path.home()), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "checks had passed before publishing" in ran.stdout
    assert re.search(r"^50 frames, \d+ looked at$", ran.stdout, re.MULTILINE)
    assert "[PERSON 1]" in ran.stdout
    assert len(list((tmp_path / "redacted").glob("*.offrecord"))) == 1


def test_each_name_of_the_face_has_an_example() -> None:
    """Whatever `recorder` and `redaction` offer is in an example of at most ten lines and its imports."""
    for example in _EXAMPLES:
        assert len([line for line in example.split("\n") if line and " import " not in line]) <= 10
    text = "\n".join(_EXAMPLES)
    for name in {*recorder.__all__, *redaction.__all__} - {"verify_bundle"}:
        assert re.search(rf"import .*\b{name}\b", text), name


def test_the_face_is_loaded_only_when_asked_for() -> None:
    """Importing the packages loads nothing heavy; what they offer is there, and what they do not is an error."""
    program = (
        "import sys, recorder, redaction\n"
        "heavy = {'av', 'cv2', 'numpy', 'onnxruntime', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for package in (recorder, redaction):\n"
        "    assert set(package.__all__) <= set(dir(package))\n"
        "    assert all(getattr(package, name) for name in package.__all__)\n"
        "    assert not hasattr(package, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=120, check=True)
