"""What a job is to do: the digest it is done under, and what an earlier run finished without living to say so."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Final

from recorder.batch.contract import DestinationStore, Outcome, OutcomeState
from recorder.batch.ledger.ledger import BatchLedger, Record
from recorder.batch.summary import figures_of
from recorder.bundle.manifest import Manifest
from redaction.errors import OffrecordError
from redaction.policy import Policy
from redaction.weights import CATALOG, cache_root, identify

__all__ = ["adopt_finished", "job_digest", "models_of"]

_OPTIONAL: Final = ("speaker.segmentation", "speaker.campplus")
_BY_PATH: Final = "speech.by_path"
_CLOCKS_S: Final = 2.0


def models_of(policy: Policy) -> dict[str, str]:
    """Return name and sha256 of every model that may take part in redacting under a policy.

    Raises:
        ModelUnavailable: one is missing or altered.
    """
    names = [entry.name for entry in CATALOG.values() if entry.group == "core"]
    names += [name for name in _OPTIONAL if (cache_root() / name).is_dir()]
    own = policy.speech.model
    models = {name: identify(name) for name in dict.fromkeys(names)}
    models[_BY_PATH if own.startswith("/") else own] = identify(own)
    return models


def job_digest(policy: Policy, models: dict[str, str], *, key: bytes) -> str:
    """Return what recordings are redone for when it changes: the policy and the models.

    Unlike the policy's published digest it holds the roster too, and is keyed so that no name can be guessed from it.
    """
    text = json.dumps([policy.model_dump(mode="json"), models], sort_keys=True)
    return hmac.new(key, b"offrecord job\0" + text.encode(), hashlib.sha256).hexdigest()


def adopt_finished(
    store: BatchLedger, destination: DestinationStore, *, policy: Policy, models: dict[str, str]
) -> list[Record]:
    """Enter bundles that stand at the destination and are whole, though the store does not know them as published.

    That is how it looks when the driver was killed between publishing and writing it down, and when another machine
    made them. A bundle is adopted if it is verified anew and was made under the same policy and models; where a roster
    or a list of allowed words takes part, which no manifest tells of, only if this store had begun it under them.

    Returns:
        What was adopted.
    """
    lists = bool(policy.speech.roster or policy.speech.allow)
    adopted: list[Record] = []
    for record in list(store.unfinished()):
        if lists and not record.claimed:
            continue
        try:
            manifest = destination.verify(record.item.name)
        except OffrecordError:
            continue  # it is redone, and the new bundle takes its place
        if _fits(manifest, record, policy, models):
            adopted.append(store.finish(_outcome(record, manifest)))
    return adopted


def _fits(manifest: Manifest, record: Record, policy: Policy, models: dict[str, str]) -> bool:
    began = datetime.fromtimestamp(record.claimed - _CLOCKS_S, UTC) if record.claimed else manifest.created
    return (
        manifest.policy_digest == policy.digest
        and manifest.created >= began
        and all(models.get(model.name) == model.sha256 for model in manifest.models)
    )


def _outcome(record: Record, manifest: Manifest) -> Outcome:
    return Outcome(
        item=record.id,
        state=OutcomeState.PUBLISHED,
        media_seconds=manifest.duration,
        bundle=f"{record.item.name}.offrecord",
        figures=figures_of(manifest),
    )
