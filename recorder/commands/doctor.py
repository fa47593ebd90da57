"""`offrecord doctor`: are models, libraries and devices in place, and which promise would fail here."""

from __future__ import annotations

import importlib
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import click

from recorder.models.fetch import selected
from recorder.models.verify import ModelState, states
from recorder.runtime.terminal import echo, echo_json
from redaction.errors import ExitCode, OffrecordError
from redaction.weights import cache_root

__all__ = ["doctor"]

_PINNED: Final = {"mediapipe": ("0.10.30", "0.10.31"), "faster-whisper": ("1.2.1",)}
_OTHER_CV2: Final = ("opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `promise` is the number of the promise that rests on it, 0 for comfort."""

    name: str
    fine: bool
    what: str
    promise: int = 0


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def doctor(as_json: bool) -> int:
    """Check models, libraries, memory, disk and settings; exit status 6 or 1 when a promise would fail here.

    Example: offrecord doctor
    """
    findings = list(_examine())
    if as_json:
        echo_json([asdict(item) for item in findings])
    else:
        width = max(len(item.name) for item in findings) + 2
        for item in findings:
            mark = "ok  " if item.fine else "FAIL" if item.promise else "note"
            echo(f"{mark}  {item.name:{width}}{item.what}")
        failing = sorted({item.promise for item in findings if item.promise and not item.fine})
        echo(
            f"Promise {', '.join(map(str, failing))} would fail here."
            if failing
            else "All promises can be kept here."
        )
    if any(not item.fine and item.name.startswith("model") for item in findings):
        return int(ExitCode.MODEL)
    return (
        int(ExitCode.INTERNAL)
        if any(not item.fine and item.promise for item in findings)
        else int(ExitCode.OK)
    )


def _examine() -> Iterator[Finding]:
    yield from _models()
    yield from _libraries()
    yield _core_dumps()
    yield _swap()
    yield _encoders()
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    yield Finding("disk", free > 2, f"{free:.0f} GiB free in this folder")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    yield Finding("memory", pages > 2, f"{pages:.0f} GiB, {os.cpu_count()} cores")


def _models() -> Iterator[Finding]:
    try:
        entries = selected(None, groups=("all",))
        found = states(entries)
    except OffrecordError as error:
        yield Finding("models", False, error.sentence, promise=2)
        return
    for entry in entries:
        state = found[entry.name]
        optional = entry.group != "core" and state is ModelState.MISSING
        what = f"{state.value} ({entry.group})"
        yield Finding(f"model {entry.name}", state is ModelState.OK or optional, what, promise=2)
    yield Finding(
        "model folder", True, "OFFRECORD_MODELS" if "OFFRECORD_MODELS" in os.environ else "default place"
    )
    if not os.access(cache_root(), os.R_OK):
        yield Finding("model folder readable", False, "it cannot be read", promise=2)


def _libraries() -> Iterator[Finding]:
    for name, allowed in _PINNED.items():
        version = metadata.version(name)
        what = f"{version}; measured to stay off the network: {', '.join(allowed)}"
        yield Finding(name, version in allowed, what, promise=5)
    owners = [name for name in _OTHER_CV2 if _installed(name)]
    yield Finding(
        "one cv2", not owners, "opencv-python alone" if not owners else f"also written by {owners}", promise=2
    )
    for module in (
        "av",
        "cv2",
        "mediapipe",
        "onnxruntime",
        "faster_whisper",
        "pocketsphinx",
        "pyworld",
        "hibari",
    ):
        yield _imports(module)


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _imports(module: str) -> Finding:
    load: Callable[[str], object] = importlib.import_module
    try:
        load(module)
    except (ImportError, OSError) as error:
        return Finding(
            f"import {module}", False, f"{type(error).__name__}: see the system packages in README", promise=2
        )
    return Finding(f"import {module}", True, "loads")


def _core_dumps() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    return Finding("core dumps", soft == 0, "off in this process" if soft == 0 else "on", promise=1)


def _swap() -> Finding:
    try:
        lines = Path("/proc/swaps").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return Finding("swap", True, "cannot be told here")
    plain = [line for line in lines if not line.startswith(("/dev/dm-", "/dev/zram"))]
    what = (
        "none, or not on a plain disk"
        if not plain
        else "on a plain disk: memory may be written there; encrypt it"
    )
    return Finding("swap", not plain, what)


def _encoders() -> Finding:
    import av

    missing = [name for name in ("libx264", "aac") if name not in av.codecs_available]
    return Finding(
        "encoders", not missing, "H.264 and AAC" if not missing else f"missing: {missing}", promise=2
    )
