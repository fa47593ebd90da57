"""Publishing: a partial folder, a lock, an atomic name, and nothing left behind."""

import hashlib
import json
import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recorder.bundle.log import ChainedLog
from recorder.bundle.manifest import BundleState, Coverage, Manifest, VoiceEntry
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import BundleWriter
from redaction.errors import InternalError, RedactionIncomplete, StorageFailed, UnreadableInput, UsageError
from redaction.model import Event, EventKind


def log_course(log: ChainedLog, *between: Event, digest: str = "0" * 64) -> None:
    """Write what every log tells: under which policy it began, and that it was redacted, verified, published."""
    log.append(Event(EventKind.STARTED, detail={"sha256": digest}))
    log.extend(between)
    for state in (BundleState.REDACTED, BundleState.VERIFIED, BundleState.PUBLISHED):
        log.append(Event(EventKind.STATE, detail={"state": str(state)}))
    log.close()


def manifest_for(
    writer: BundleWriter, log: ChainedLog, *, state: BundleState = BundleState.PUBLISHED
) -> Manifest:
    """Return a manifest of what stands in the partial folder."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Manifest(
        state=state,
        version="0",
        created=now,
        expires=now + timedelta(days=1),
        purpose="test",
        retention_days=1,
        policy_digest="0" * 64,
        policy={},
        models=(),
        duration=1,
        tracks=(),
        gaps=(),
        coverage=Coverage(),
        redacted={},
        voice=VoiceEntry(method="none"),
        checks=(),
        files=writer.file_entries(),
        log_lines=log.count,
        log_head=log.head,
    )


def publish(
    folder: Path, *, name: str = "recording-1", content: bytes = b"redacted", replace: bool = False
) -> Path:
    """Publish a bundle with one file and a log."""
    writer = BundleWriter(folder, name, replace=replace)
    writer.path("recording.mp4").write_bytes(content)
    log = ChainedLog(writer.path("log.jsonl"))
    log_course(log)
    return writer.publish(manifest_for(writer, log))


def test_published_bundle_verifies_and_leaves_no_partial(tmp_path: Path) -> None:
    """What is published verifies, and the partial folder is gone."""
    bundle = publish(tmp_path)
    assert len(verify_bundle(bundle)) == 5
    assert [item.name for item in tmp_path.iterdir()] == ["recording-1.offrecord"]


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """The bundle's folder is closed to others."""
    assert publish(tmp_path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("state", [state for state in BundleState if state is not BundleState.PUBLISHED])
def test_no_other_state_takes_the_final_name(tmp_path: Path, state: BundleState) -> None:
    """A recording in any state but PUBLISHED cannot be published."""
    writer = BundleWriter(tmp_path, "recording-1")
    log = ChainedLog(writer.path("log.jsonl"))
    log.close()
    with pytest.raises(InternalError):
        writer.publish(manifest_for(writer, log, state=state))
    assert not writer.final.exists()
    writer.discard()


def test_a_file_the_manifest_does_not_know_stops_publication(tmp_path: Path) -> None:
    """A stray file in the partial folder is never published."""
    writer = BundleWriter(tmp_path, "recording-1")
    log = ChainedLog(writer.path("log.jsonl"))
    log.close()
    manifest = manifest_for(writer, log)
    writer.path("stray.raw").write_bytes(b"raw")
    with pytest.raises(InternalError):
        writer.publish(manifest)
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_existing_bundle_is_kept_unless_replaced(tmp_path: Path) -> None:
    """Without `replace` the old bundle stands; with it the new one takes its place at the end."""
    bundle = publish(tmp_path)
    with pytest.raises(UsageError, match="--force"):
        BundleWriter(tmp_path, "recording-1")
    assert (bundle / "recording.mp4").read_bytes() == b"redacted"
    publish(tmp_path, content=b"again", replace=True)
    assert (bundle / "recording.mp4").read_bytes() == b"again"
    assert [item.name for item in tmp_path.iterdir()] == ["recording-1.offrecord"]


def test_replacing_keeps_the_old_bundle_until_the_new_one_is_done(tmp_path: Path) -> None:
    """A run that fails under `replace` leaves the published bundle whole."""
    bundle = publish(tmp_path)
    writer = BundleWriter(tmp_path, "recording-1", replace=True)
    writer.path("recording.mp4").write_bytes(b"half")
    writer.discard()
    assert len(verify_bundle(bundle)) == 5


def test_left_over_of_a_killed_run_is_cleared(tmp_path: Path) -> None:
    """What a killed run left in the partial folder is not mixed into the next one."""
    left = tmp_path / "recording-1.offrecord.partial"
    (left / "tracks").mkdir(parents=True)
    (left / "tracks" / "old.mp4").write_bytes(b"old")
    writer = BundleWriter(tmp_path, "recording-1")
    assert list(writer.partial.iterdir()) == []
    writer.discard()


def _hold(
    folder: str, ready: "multiprocessing.synchronize.Event", done: "multiprocessing.synchronize.Event"
) -> None:
    writer = BundleWriter(Path(folder), "recording-1")
    ready.set()
    done.wait(20)
    writer.discard()


def test_two_runs_never_write_one_bundle(tmp_path: Path) -> None:
    """The second run of the same bundle is told to wait."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path), ready, done))
    other.start()
    try:
        assert ready.wait(20)
        with pytest.raises(StorageFailed, match="Another run"):
            BundleWriter(tmp_path, "recording-1")
    finally:
        done.set()
        other.join(20)


@pytest.mark.parametrize("what", ["link", "file", "partial link"])
def test_links_and_files_in_the_way_are_refused(tmp_path: Path, what: str) -> None:
    """A link in the place of the bundle is never followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    if what == "file":
        (out / "recording-1.offrecord").write_text("")
    elif what == "link":
        (out / "recording-1.offrecord").symlink_to(elsewhere)
    else:
        (out / "recording-1.offrecord.partial").symlink_to(elsewhere)
    with pytest.raises(UsageError):
        BundleWriter(out, "recording-1", replace=True)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("below", [".", "tracks"])
def test_no_bundle_is_written_into_a_bundle(tmp_path: Path, below: str) -> None:
    """A bundle inside another would break that one, so it is refused, also through a link."""
    bundle = publish(tmp_path)
    (tmp_path / "link").symlink_to(bundle)
    for folder in (bundle / below, tmp_path / "link" / below):
        with pytest.raises(UsageError, match="inside a bundle"):
            BundleWriter(folder, "recording-2")
    assert len(verify_bundle(bundle)) == 5


def test_output_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    """A file where the output folder should be is told in a sentence."""
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="folder"):
        BundleWriter(tmp_path / "out", "recording-1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_output_is_a_storage_failure(tmp_path: Path) -> None:
    """A folder that cannot be written gives the storage status."""
    tmp_path.chmod(0o500)
    with pytest.raises(StorageFailed, match="may write"):
        BundleWriter(tmp_path, "recording-1")
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("how", ["alter", "remove", "add", "hide", "pipe", "link", "link folder", "log"])
def test_verify_finds_what_was_changed_later(tmp_path: Path, how: str) -> None:
    """A file altered, removed, linked or added under any name, or a shortened log, fails verification."""
    bundle = publish(tmp_path)
    recording = bundle / "recording.mp4"
    if how == "alter":
        recording.write_bytes(b"redactee")
    elif how == "remove":
        recording.unlink()
    elif how == "add":
        (bundle / "more.mp4").write_bytes(b"")
    elif how == "hide":
        (bundle / "tracks").mkdir()
        (bundle / "tracks/manifest.json").write_bytes(b"raw")
    elif how == "pipe":
        os.mkfifo(bundle / "pipe")
    elif how == "link folder":
        (bundle / "tracks").symlink_to(tmp_path)
    elif how == "link":
        recording.rename(tmp_path / "moved")
        recording.symlink_to(tmp_path / "moved")
    else:
        (bundle / "log.jsonl").write_text("")
    with pytest.raises(RedactionIncomplete):
        verify_bundle(bundle)


@pytest.mark.parametrize("text", [None, "", "{", '{"schema_version": "other"}', "\x00" * 10])
def test_what_is_no_bundle_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    """A missing or foreign manifest is unreadable input, not a crash."""
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UnreadableInput):
        read_manifest(tmp_path)


def rewrite(bundle: Path, log: bytes | None, **changes: object) -> None:
    """Replace the log and keys of the manifest as somebody would who hides their traces; `None` drops the log."""
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8")) | changes
    if log is None:
        (bundle / "log.jsonl").unlink()
        del manifest["files"]["log.jsonl"]
    else:
        (bundle / "log.jsonl").write_bytes(log)
        digest = hashlib.sha256(log).hexdigest()
        manifest["files"]["log.jsonl"] = {"sha256": digest, "bytes": len(log)}
    (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (None, "no log"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "cannot be read"),
        (b"1" * 5_000, "cannot be read"),
        (b'{"hash":"' + b"a" * (2 << 20) + b'"}', "cannot be read"),
        (b'{"hash":"0","prev":NaN,"seq":0}', "broken at line 1"),
        (b"\xff\xfe\n", "cannot be read"),
    ],
)
def test_a_forged_log_is_found_out(tmp_path: Path, log: bytes | None, sentence: str) -> None:
    """A log that is gone, absurd or endless in one line fails verification, even when the manifest knows its hash."""
    bundle = publish(tmp_path)
    rewrite(bundle, log)
    with pytest.raises(RedactionIncomplete, match=sentence):
        verify_bundle(bundle)


def test_a_line_taken_out_of_the_log_is_found(tmp_path: Path) -> None:
    """A log without one line, chained anew and hashed anew, does not end where the manifest says."""
    writer = BundleWriter(tmp_path, "recording-1")
    log = ChainedLog(writer.path("log.jsonl"))
    log_course(log, Event(EventKind.WHOLE_COVER))
    bundle = writer.publish(manifest_for(writer, log))
    assert len(verify_bundle(bundle)) == 5
    shorter = ChainedLog(tmp_path / "log.jsonl")
    log_course(shorter)
    rewrite(bundle, (tmp_path / "log.jsonl").read_bytes())
    with pytest.raises(RedactionIncomplete, match="does not end"):
        verify_bundle(bundle)


CHECK = {"name": "no-personal-word-heard", "passed": False}
VOICE = {"name": "voice-not-recognised", "passed": False}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"checks": [CHECK]}, "1 check"),
        ({"checks": [VOICE]}, "1 check"),
        ({"checks": [CHECK, VOICE], "voice": {"method": "disguise"}}, "1 check"),
        ({"expires": "2126-01-03T00:00:00Z"}, "expires"),
        ({"retention_days": 3650}, "expires"),
        ({"policy_digest": "1" * 64}, "policy"),
    ],
)
def test_what_needs_no_signature_is_verified(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    """A check that did not pass, another date, another policy than the log's: found, though every hash fits."""
    bundle = publish(tmp_path)
    rewrite(bundle, (bundle / "log.jsonl").read_bytes(), **changes)
    with pytest.raises(RedactionIncomplete, match=sentence):
        verify_bundle(bundle)


def test_a_disguised_voice_may_be_recognised(tmp_path: Path) -> None:
    """Where the policy asks for a disguise, the check of voices may fail, and verifying says so."""
    bundle = publish(tmp_path)
    rewrite(bundle, (bundle / "log.jsonl").read_bytes(), checks=[VOICE], voice={"method": "disguise"})
    assert "voice-not-recognised" in verify_bundle(bundle)[-1]


@pytest.mark.parametrize(
    "states",
    [
        [],
        ["published"],
        ["redacted", "published"],
        ["verified", "redacted", "published"],
        ["redacted", "verified"],
        ["redacted", "verified", "published", "published"],
    ],
)
def test_states_out_of_order_are_found(tmp_path: Path, states: list[str]) -> None:
    """A log that does not tell redacted, verified, published, in this order, fails though its chain is whole."""
    bundle = publish(tmp_path)
    forged = ChainedLog(tmp_path / "log.jsonl")
    forged.append(Event(EventKind.STARTED, detail={"sha256": "0" * 64}))
    for state in states:
        forged.append(Event(EventKind.STATE, detail={"state": state}))
    forged.close()
    log = (tmp_path / "log.jsonl").read_bytes()
    rewrite(bundle, log, log_head=forged.head, log_lines=forged.count)
    with pytest.raises(RedactionIncomplete, match="in order"):
        verify_bundle(bundle)


@pytest.mark.parametrize("where", ["empty", "tracks/empty", "live"])
def test_an_empty_folder_is_found(tmp_path: Path, where: str) -> None:
    """A folder in which no listed file lies does not belong to a bundle."""
    bundle = publish(tmp_path)
    (bundle / where).mkdir(parents=True)
    with pytest.raises(RedactionIncomplete, match="folder"):
        verify_bundle(bundle)


@pytest.mark.parametrize("what", ["link", "device", "pipe", "folder"])
def test_a_manifest_that_is_no_plain_file_is_not_read(tmp_path: Path, what: str) -> None:
    """Links, devices that never end and pipes that never begin are refused at once."""
    bundle = publish(tmp_path)
    manifest = bundle / "manifest.json"
    manifest.rename(tmp_path / "elsewhere.json")
    if what == "folder":
        manifest.mkdir()
    elif what == "pipe":
        os.mkfifo(manifest)
    else:
        manifest.symlink_to(tmp_path / "elsewhere.json" if what == "link" else "/dev/zero")
    with pytest.raises(UnreadableInput):
        verify_bundle(bundle)
