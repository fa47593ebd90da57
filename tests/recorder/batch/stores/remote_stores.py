"""Stores on the S3 server of the tests."""

from __future__ import annotations

from recorder.batch.contract import Found
from recorder.batch.stores.remote import Remote
from recorder.batch.stores.remote_destination import RemoteDestination
from recorder.batch.stores.remote_source import RemoteSources
from tests.recorder.batch.faulty_s3 import BUCKET, FaultyS3

__all__ = ["LEASE_S", "destination_in", "objects_in", "only_found", "remote_at", "sources_in"]

LEASE_S = 1.0


def remote_at(url: str) -> Remote:
    return Remote(url, tries=4, first_pause_s=0.01)


def sources_in(prefix: str = "in") -> RemoteSources:
    return RemoteSources("", remote=remote_at(f"s3://{BUCKET}/{prefix}"))


def destination_in(prefix: str = "out", *, lease_s: float = LEASE_S) -> RemoteDestination:
    return RemoteDestination("", remote=remote_at(f"s3://{BUCKET}/{prefix}"), lease_s=lease_s)


def only_found(source: RemoteSources) -> Found:
    (found,) = source.list()
    return found


def objects_in(s3: FaultyS3, prefix: str = "out") -> set[str]:
    return {path.removeprefix(f"{BUCKET}/{prefix}/") for path in s3.fs.find(f"{BUCKET}/{prefix}")}
