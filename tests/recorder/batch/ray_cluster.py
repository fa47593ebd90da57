"""Two nodes of Ray on this machine, for tests."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from tests.paths import ROOT

__all__ = ["TwoNodes", "two_nodes"]

_ROOT = ROOT
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",  # told even that the reports are off
    "RAY_enable_metrics_collection": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_AUTH_MODE": "disabled",  # else a token is written into the home folder
    "PYTHONPATH": str(_ROOT),
}
_QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 5000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 4,
}


class TwoNodes:
    """A head without room for workers, and two nodes with one core each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "object_store_memory": 80 << 20,
                "_system_config": _QUICK_TO_NOTICE,
            },
        )
        self.nodes: list[Any] = []
        self.add()
        self.add()

    @property
    def address(self) -> str:
        """Where the cluster is."""
        return str(self._cluster.address)

    @property
    def folder(self) -> Path:
        """Where Ray keeps logs, sockets and what it spills."""
        return Path(self._cluster.head_node.get_session_dir_path())

    def add(self) -> None:
        """Add a node of one core."""
        self.nodes.append(
            self._cluster.add_node(num_cpus=1, memory=4 << 30, object_store_memory=80 << 20, wait=True)
        )

    def kill(self, node: Any) -> None:
        """End a node as a power cut would: its raylet by kill -9, and its workers with it."""
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in (raylet, *raylet.children(recursive=True)):
            process.send_signal(signal.SIGKILL)
        self.nodes.remove(node)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that redact."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(
                word.endswith("_worker") or word.endswith("batch.engines.worker")
                for word in process.info["cmdline"] or ()
            )
            and any("ray::" in " ".join(_line(parent)) for parent in process.parents())
        ]

    def node_of(self, process: psutil.Process) -> Any:
        """Return the node that a process runs on."""
        above = {parent.pid for parent in process.parents()}
        return next(node for node in self.nodes if node.all_processes["raylet"][0].process.pid in above)

    def shutdown(self) -> None:
        """End all."""
        import ray

        ray.shutdown()
        self._cluster.shutdown()


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Run the cluster, reporting nothing to anybody."""
    pytest.importorskip("ray", reason="Ray is not installed")
    without = patch("ray._private.services.start_api_server", lambda *_given, **_named: ("", None))
    with patch.dict(os.environ, _ENVIRONMENT), without:  # its process asks for a cloud's metadata
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        nodes = TwoNodes()
        try:
            yield nodes
        finally:
            nodes.shutdown()
