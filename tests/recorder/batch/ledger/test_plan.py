"""What changes makes a recording be redone, and what a dead run finished is adopted only when it surely is the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from recorder.batch.contract import Found, WorkItem
from recorder.batch.ledger.ledger import BatchLedger, RecordState
from recorder.batch.ledger.plan import adopt_finished, job_digest, models_of
from recorder.batch.stores.folder_destination import FolderDestination
from redaction.errors import ModelUnavailable
from redaction.policy import Policy
from tests.recorder.batch.fakes import write_bundle

MODELS = {"face.yunet": "a" * 64}
ROSTER = Policy.from_toml("[speech]\nroster = ['Adaeze Okonkwo']\n")
KEY = b"k" * 32


def test_digest_follows_policy_roster_and_models() -> None:
    """Every key of the policy, the roster, each model and the key count; nothing can be read from the digest."""
    other = Policy.from_toml("[output]\ncrf = 24\n")
    digests = [
        job_digest(Policy(), MODELS, key=KEY),
        job_digest(other, MODELS, key=KEY),
        job_digest(ROSTER, MODELS, key=KEY),
        job_digest(Policy(), {"face.yunet": "b" * 64}, key=KEY),
        job_digest(Policy(), MODELS, key=b"j" * 32),
    ]
    assert len(set(digests)) == 5
    assert job_digest(Policy(), MODELS, key=KEY) == digests[0]


def test_models_are_those_in_the_cache(real_models: None) -> None:
    """All core models take part, by their pinned sha256."""
    try:
        models = models_of(Policy())
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    assert {"face.yunet", "speech.whisper_tiny_en", "voice.hibari"} <= set(models)
    assert all(len(digest) == 64 for digest in models.values())


class Cut:
    """A job that was killed after publishing one bundle and before writing it down, and the one after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.destination = FolderDestination(str(folder))
        self.key = self.destination.key()
        self.digest = "d" * 64

    def begin(self) -> BatchLedger:
        """Begin a job and plan its only recording."""
        store = BatchLedger(self.destination.state, create=True)
        store.begin(self.digest)
        store.plan(
            [Found(source="/a.mp4", size=1, version="1")],
            key=self.key,
            spec="x",
            present=self.destination.names(),
            retry=False,
        )
        return store

    def killed(self) -> WorkItem:
        """Claim and say no more."""
        store = self.begin()
        item = store.claim()
        assert item is not None
        store.end()
        store.close()
        return item

    def adopted(self, policy: Policy, models: dict[str, str]) -> int:
        """Return how many bundles the next job takes over."""
        with self.begin() as store:
            taken = adopt_finished(store, self.destination, policy=policy, models=models)
            state = RecordState.PUBLISHED if taken else RecordState.PENDING
            assert [record.state for record in store.records()] == [state]
            store.end()
        return len(taken)


@pytest.fixture
def cut(tmp_path: Path) -> Cut:
    """A destination of a killed job."""
    return Cut(tmp_path)


def test_finished_bundle_is_adopted(cut: Cut) -> None:
    """What was published before the kill is verified and counted, not made twice."""
    item = cut.killed()
    write_bundle(cut.folder, item.name, models=MODELS)
    assert cut.adopted(Policy(), MODELS) == 1


def test_altered_bundle_is_not(cut: Cut) -> None:
    """A bundle that does not verify is redone."""
    item = cut.killed()
    bundle = write_bundle(cut.folder, item.name, models=MODELS)
    (bundle / "log.jsonl").write_text("{}\n")
    assert cut.adopted(Policy(), MODELS) == 0


@pytest.mark.parametrize("what", ["policy", "models"])
def test_bundle_of_another_making_is_not(what: str, cut: Cut) -> None:
    """A bundle made under another policy or with another model is redone."""
    item = cut.killed()
    other = Policy.from_toml("[output]\ncrf = 24\n")
    write_bundle(
        cut.folder,
        item.name,
        policy=other if what == "policy" else None,
        models={"face.yunet": "b" * 64} if what == "models" else MODELS,
    )
    assert cut.adopted(Policy(), MODELS) == 0


def test_roster_needs_a_claim(cut: Cut) -> None:
    """With a roster, which no manifest tells of, only what this store began under it is adopted."""
    item = cut.killed()
    write_bundle(cut.folder, item.name, policy=ROSTER)
    cut.digest = "e" * 64  # another roster: the earlier claim says nothing any more
    assert cut.adopted(ROSTER, {}) == 0
    item = cut.killed()
    write_bundle(cut.folder, item.name, policy=ROSTER)
    assert cut.adopted(ROSTER, {}) == 1


def test_bundle_older_than_the_claim_is_not(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that stood there before the recording was begun is what was to be redone."""
    with cut.begin() as store:
        (record,) = store.records()
        store.end()
    write_bundle(cut.folder, record.item.name, policy=ROSTER)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)
    cut.killed()
    monkeypatch.setattr(time, "time", real)
    assert cut.adopted(ROSTER, {}) == 0
