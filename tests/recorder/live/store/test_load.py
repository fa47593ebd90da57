"""A call's folder that somebody else wrote, or that a crash left half, is read strictly or refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.live.store.fragments import cut_to_whole, whole_fragments
from recorder.live.store.load import load, read_proofs, recorded_policy
from redaction.errors import ExitCode, OffrecordError, RedactionIncomplete, UnreadableInput
from redaction.model import EntityType
from tests.recorder.live.staged import (
    StagedPerson,
    StagedPicture,
    StagedSound,
    gap,
    moving,
    stage,
    tone_at,
)

ADA = "a" * 16


def call(folder: Path) -> Path:
    """Stage a call of one participant; return its partial bundle."""
    person = StagedPerson(
        ADA,
        1,
        [StagedPicture(moving((40, 80, 160)), 0.0, 2.5)],
        [StagedSound(tone_at(2.0, beep=1.0))],
        [("hello", 1.0, 1.5, None), ("PERSON 1", 1.5, 2.0, "PERSON")],
        events=[gap(1.0, 1.1)],
        quality_seconds=3,
    )
    staged = stage(folder, [person])
    staged.writer.discard()
    return staged.partial


def person_folder(partial: Path) -> Path:
    """Return the participant's folder."""
    return partial / "live" / "people" / ADA


def changed(path: Path, change: Callable[[str], str]) -> None:
    """Write a file anew."""
    path.write_text(change(path.read_text()))


def test_whole_folder_is_read(tmp_path: Path) -> None:
    """Everything that was written is there."""
    live = load(call(tmp_path))
    (person,) = live.people
    assert [(piece.kind, piece.closed) for piece in person.segments] == [
        ("camera", True),
        ("microphone", True),
    ]
    assert len(read_proofs(person.segments[0])) == person.segments[0].counts.frames
    assert [token.entity_type for token in person.utterances[0].tokens] == [None, EntityType.PERSON]
    assert (len(person.events), len(person.quality)) == (1, 3)


@pytest.mark.parametrize("name", ["words.jsonl", "facts.jsonl", "quality.jsonl", "camera-0001.jsonl"])
def test_last_line_that_was_cut_off_is_dropped(tmp_path: Path, name: str) -> None:
    """Half a line at the end is what a crash leaves; the lines before it count."""
    partial = call(tmp_path)
    path = person_folder(partial) / name
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:-5])
    (person,) = load(partial).people
    assert (len(person.utterances), len(person.events), len(person.quality)) == (1, 1, 3)
    assert len(read_proofs(person.segments[0])) > 0


def test_later_line_replaces_an_utterance(tmp_path: Path) -> None:
    """What was found to be personal later is masked in what is read."""
    partial = call(tmp_path)
    path = person_folder(partial) / "words.jsonl"
    line = json.loads(path.read_text())
    line["words"][0] = {"text": "OTHER", "start": 1.0, "end": 1.5, "entity_type": "OTHER", "located": True}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    (person,) = load(partial).people
    assert len(person.utterances) == 1
    assert person.utterances[0].tokens[0].entity_type is EntityType.OTHER


@pytest.mark.parametrize("text", ["\x1b[2J", "x" * 200, "‮evil"])
def test_word_that_is_none_is_masked(tmp_path: Path, text: str) -> None:
    """Control characters and endless words are taken for personal, never stored."""
    partial = call(tmp_path)
    path = person_folder(partial) / "words.jsonl"
    line = json.loads(path.read_text())
    line["words"][0]["text"] = text
    path.write_text(json.dumps(line) + "\n")
    (person,) = load(partial).people
    assert (person.utterances[0].tokens[0].text, person.utterances[0].tokens[0].entity_type) == (
        "OTHER",
        EntityType.OTHER,
    )


def _swap(path: str, old: str, new: str) -> Callable[[Path], None]:
    def harm(partial: Path) -> None:
        target = partial / "live" / path.replace("ADA", f"people/{ADA}")
        text = target.read_text()
        assert old in text
        target.write_text(text.replace(old, new, 1))

    return harm


def _stray(name: str) -> Callable[[Path], None]:
    def harm(partial: Path) -> None:
        (partial / "live" / name.replace("ADA", f"people/{ADA}")).write_text("x")

    return harm


def _link(partial: Path) -> None:
    target = person_folder(partial) / "camera-0002.mp4"
    target.symlink_to("/etc/hostname")


def _huge(partial: Path) -> None:
    (person_folder(partial) / "person.json").write_bytes(b" " * (2 << 20))


def _no_live(partial: Path) -> None:
    (partial / "live").rename(partial / "other")


HARMS: dict[str, Callable[[Path], None]] = {
    "no call": _no_live,
    "a link": _link,
    "a stray file": _stray("notes.txt"),
    "a stray file of a participant": _stray("ADA/face.png"),
    "a huge record": _huge,
    "call.json that is none": _swap("call.json", "{", "["),
    "another policy": _swap("call.json", '"solid"', '"mosaic"'),
    "a way with markup": _swap("call.json", '"room"', '"<b>"'),
    "an endless call": _swap("ADA/facts.jsonl", "1.1", "1e300"),
    "a time that is no number": _swap("ADA/facts.jsonl", "1.1", "NaN"),
    "a time before the call": _swap("ADA/camera-0001.jsonl", '"start":0.0', '"start":-1.0'),
    "a piece of another kind": _swap("ADA/camera-0001.jsonl", '"camera"', '"screen"'),
    "a fact of no kind": _swap("ADA/facts.jsonl", '"gap"', '"secret"'),
    "a fact with content": _swap("ADA/facts.jsonl", "no pictures", "Ada Lovelace said <so>"),
    "a fact with a key": _swap("ADA/facts.jsonl", '"reason"', '"who"'),
    "quality beyond bounds": _swap("ADA/quality.jsonl", '"packets":100', '"packets":-100'),
    "a line in the middle that is none": _swap("ADA/quality.jsonl", "{", "("),
    "a highlight with content": _swap("ADA/camera-0001.jsonl", "least certain face", "Ada at home"),
    "a size out of bounds": _swap("ADA/camera-0001.jsonl", '"width":160', '"width":99999'),
    "counts out of bounds": _swap("ADA/camera-0001.jsonl", '"tracklets":', '"tracklets":-'),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_hostile_folder_is_refused_in_one_sentence(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """What no recording process writes ends in status 5 or 3, and the sentence repeats nothing of it."""
    partial = call(tmp_path)
    harm(partial)
    with pytest.raises(OffrecordError) as error:
        load(partial)
    assert error.value.exit_code in (ExitCode.UNREADABLE, ExitCode.INCOMPLETE)
    assert not any(
        word in error.value.sentence for word in ("Ada", "secret", "<", 'who"', ADA, str(tmp_path))
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [('"luma":[[', '"luma":[[999,'), ('"points":[[[', '"points":[[[-'), ('"times":[', '"times":[0.0,')],
)
def test_proofs_out_of_bounds_are_refused(tmp_path: Path, old: str, new: str) -> None:
    """A proof with impossible values proves nothing."""
    partial = call(tmp_path)
    _swap("ADA/camera-0001.jsonl", old, new)(partial)
    (person,) = load(partial).people
    with pytest.raises(UnreadableInput):
        read_proofs(person.segments[0])


def test_altered_log_is_refused(tmp_path: Path) -> None:
    """A call-wide log whose chain is broken ends in status 3."""
    partial = call(tmp_path)
    changed(partial / "log.jsonl", lambda text: text.replace("started", "stopped"))
    with pytest.raises(RedactionIncomplete):
        load(partial)


def test_half_done_erasure_is_completed(tmp_path: Path) -> None:
    """A participant who was marked for removal is gone after loading, and the log says that somebody is."""
    partial = call(tmp_path)
    changed(
        person_folder(partial) / "person.json", lambda text: text.replace('"removed":false', '"removed":true')
    )
    assert load(partial).people == ()
    assert not person_folder(partial).exists()
    assert '"erased"' in (partial / "log.jsonl").read_text()


def test_policy_is_the_one_of_the_call(tmp_path: Path) -> None:
    """`recover` works under the policy that the folder holds."""
    assert recorded_policy(call(tmp_path)).faces.method == "solid"


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.77, 0.8, 0.83, 0.9, 0.99])
def test_piece_is_cut_to_whole_fragments(tmp_path: Path, share: float) -> None:
    """A file that ends anywhere is cut to the fragments that are whole; the original is not touched."""
    media = person_folder(call(tmp_path)) / "camera-0001.mp4"
    whole = whole_fragments(media)
    data = media.read_bytes()
    media.write_bytes(data[: int(len(data) * share)])
    before = media.read_bytes()
    target = tmp_path / "cut.mp4"
    count = cut_to_whole(media, target, proven=None)
    usable = [end for end in whole if end <= len(before)]
    assert bool(count) == bool(usable)
    assert target.exists() == bool(usable)
    if usable:
        assert target.stat().st_size == usable[-1]
    assert media.read_bytes() == before
