"""Folders: which are one recording, which are several, and which are an error that says what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.sources.discover import recording_at, recordings_in
from recorder.sources.recording import Recording
from redaction.errors import UnreadableInput

_CHAT = "00:00:01 From Adaeze Okonkwo to Everyone:\n\thi\n"


def _made(folder: Path, *names: str) -> Path:
    """Make a folder with files of these names; a text says what it is."""
    texts = {
        "metadata.json": '{"meeting_url": "x", "participants": []}',
        "slides_new.xml": "<popcorn/>",
        "metadata.xml": "<recording/>",
    }
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            texts.get(path.name, _CHAT if "chat" in name.lower() else "WEBVTT\n"), encoding="utf-8"
        )
    return folder


def _one(folder: Path) -> Recording:
    (found,) = recordings_in(folder)
    return found


def _names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_zoom_s_folder(tmp_path: Path) -> None:
    """Views, mix, participants and texts of Zoom's client are told apart; the folder's name gives clock and owner."""
    place = tmp_path / "2026-03-02 10.00.05 Adaeze Okonkwo's Zoom Meeting"
    _made(
        place, "zoom_0.mp4", "audio_only.m4a", "chat.txt", "closed_caption.txt", "playback.m3u", ".DS_Store"
    )
    _made(
        place / "Audio Record",
        "audioAdaezeOkonkwo11234567.m4a",
        "audioZoë21234567.m4a",
        "audio141555501421.m4a",
    )
    found = _one(tmp_path)
    assert (found.layout, found.problem, found.strangers) == ("zoom", "", 0)
    assert _names(found.views) == ["zoom_0.mp4"]
    assert _names(found.mix) == ["audio_only.m4a"]
    assert len(found.voices) == 3
    assert set(found.voice_names) == {"Adaeze Okonkwo", "Zoë", ""}
    assert found.names == ("Adaeze Okonkwo",)
    assert found.starts == 36_005
    assert _names(found.chats) == ["chat.txt"]
    assert _names(found.captions) == ["closed_caption.txt"]
    assert _names(found.companions) == ["playback.m3u"]


def test_zoom_s_newer_names(tmp_path: Path) -> None:
    """Files with a long number are Zoom's where two kinds of them lie together."""
    _made(tmp_path, "video1234567890.mp4", "audio1234567890.m4a", "notes.pdf")
    found = _one(tmp_path)
    assert (found.layout, found.strangers) == ("zoom", 1)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["audio_only.txt", "closed_caption.txt"], "no media"),
        (["Audio Record/nothing.txt"], "no media"),
        (["double_click_to_convert_01.zoom", "chat.txt"], "double_click_to_convert"),
        (["zoom_0.mp4", "zoom_2.mp4"], "several parts"),
        (["zoom_1.mp4", "zoom_1_x.mp4", "zoom_0.mp4"], "several parts"),
        (["zoom_0.mp4", "audio_only_0.m4a", "audio_only_1.m4a"], "several parts"),
        (["video12345.mp4", "video123456.mp4", "audio12345.m4a"], "several parts"),
        (["zoom_0.mp4", "holiday.mov"], "another kind"),
        (["metadata.json"], "one MP4 was expected"),
        (["metadata.json", "a.mp4", "b.mp4"], "one MP4 was expected"),
        (["metadata.xml", "slides_new.xml"], "webcams"),
        (["slides_new.xml", "video/webcams.webm", "talk.mp4"], "besides"),
        (["GMT20260302-100000_Recording.transcript.vtt"], "GMT"),
        (["GMT20260302-100000_Recording.mp4", "GMT20260302-100000_Recording.mov"], "neither"),
    ],
)
def test_what_is_lacking_is_said(tmp_path: Path, names: list[str], sentence: str) -> None:
    """A folder that looks like a call system's and lacks something is an error that says what was expected."""
    _made(tmp_path / "Adaeze", *names)
    found = _one(tmp_path)
    with pytest.raises(UnreadableInput, match=sentence) as caught:
        found.open()
    assert "Adaeze" not in str(caught.value)


def test_zoom_s_parts_stand_in_order(tmp_path: Path) -> None:
    """Parts of a call are joined in the order of their numbers; whose voice a file holds is known, its part is not."""
    _made(tmp_path / "a", "zoom_10.mp4", *(f"zoom_{number}.mp4" for number in range(10)), "audio_only.m4a")
    _made(tmp_path / "a" / "Audio Record", "audioAdaezeOkonkwo11234567890.m4a")
    _made(tmp_path / "b", "audio_only.m4a", "audio_only_1.m4a")
    _made(tmp_path / "c", "video2123456789.mp4", "video1123456789.mp4", "audio1123456789.m4a")
    first, second, third = recordings_in(tmp_path)
    assert all(found.joined and not found.problem for found in (first, second, third))
    assert [path.name for path in first.views] == [f"zoom_{number}.mp4" for number in range(11)]
    assert (first.voices, first.mix, first.names) == ((), (), ("Adaeze Okonkwo",))
    assert {path.name for path in first.files} == {
        *(f"zoom_{number}.mp4" for number in range(11)),
        "audio_only.m4a",
        "audioAdaezeOkonkwo11234567890.m4a",
    }
    assert [path.name for path in second.mix] == ["audio_only.m4a", "audio_only_1.m4a"]
    assert [path.name for path in third.views] == ["video1123456789.mp4", "video2123456789.mp4"]


def test_zoom_s_cloud(tmp_path: Path) -> None:
    """Files with one time are one recording, the fullest view first; files beside them are recordings of their own."""
    stem = "GMT20260302-100000_Recording"
    _made(tmp_path, f"{stem}_avo_640x360.mp4", f"{stem}_gallery_1280x720.mp4", f"{stem}_as_1280x720.mp4")
    _made(tmp_path, f"{stem}.m4a", f"{stem}_newChat.txt", f"{stem}.transcript.vtt", f"{stem}.json")
    _made(tmp_path, "GMT20260303-100000_Recording_1920x1080.mp4", "other.mp4", "more/another.mp4")
    first, second, third, fourth = recordings_in(tmp_path)
    assert [name.split("_")[2] for name in _names(first.views)] == ["as", "gallery", "avo"]
    assert (len(first.mix), len(first.chats), len(first.captions), len(first.people)) == (1, 1, 1, 1)
    assert second.layout == "zoom-cloud"
    assert _names(third.views + fourth.views) == ["another.mp4", "other.mp4"]


def test_jibri_s_and_bigbluebutton_s_folders(tmp_path: Path) -> None:
    """Each folder of a folder is looked at on its own; of several formats of one picture one is taken."""
    _made(tmp_path / "a", "metadata.json", "room.mp4")
    _made(
        tmp_path / "b", "metadata.xml", "slides_new.xml", "shapes.svg", "captions_en.vtt", "video/webcams.mp4"
    )
    _made(tmp_path / "b", "video/webcams.webm", "deskshare/deskshare.mp4", "presentation/1/slide-1.png")
    jibri, button = recordings_in(tmp_path)
    assert (jibri.layout, jibri.problem, _names(jibri.views)) == ("jibri", "", ["room.mp4"])
    assert (button.layout, button.problem) == ("bigbluebutton", "")
    assert _names(button.views) == ["webcams.webm", "deskshare.mp4"]
    assert len(button.files) == 8


def test_a_folder_like_any_other(tmp_path: Path) -> None:
    """Every media file is a recording with what bears its stem, in order of paths; nothing else is taken."""
    _made(
        tmp_path, "b.mp4", "b.en.vtt", "b.csv", "a.wav", "c/d.webm", "roster.csv", "notes.txt", ".hidden.mp4"
    )
    _made(tmp_path, "x.offrecord/recording.mp4", "metadata.json.mp4")
    found = recordings_in(tmp_path)
    assert [one.views[0].name for one in found] == ["a.wav", "b.mp4", "d.webm", "metadata.json.mp4"]
    assert (_names(found[1].captions), _names(found[1].people)) == (["b.en.vtt"], ["b.csv"])
    assert all(one.layout == "plain" and not one.strangers for one in found)


def test_a_recording_that_is_alone_takes_what_is_called_a_sidecar(tmp_path: Path) -> None:
    """Chat, captions and roster of another name go with the one recording of their folder; other texts do not."""
    _made(tmp_path, "call.mp4", "chat.txt", "captions.srt", "participants.csv", "todo.txt")
    found = _one(tmp_path)
    assert (len(found.chats), len(found.captions), len(found.people), len(found.notes)) == (1, 1, 1, 0)
    assert recording_at(tmp_path / "call.mp4").files == (tmp_path / "call.mp4",)


def test_a_sidecar_goes_with_the_longest_stem(tmp_path: Path) -> None:
    """What bears the stem of `call.second.mp4` is not taken for `call.mp4`'s."""
    _made(tmp_path, "call.mp4", "call.second.mp4", "call.second.vtt", "call.vtt")
    for first, second in (
        recordings_in(tmp_path),
        [recording_at(tmp_path / f"call{n}.mp4") for n in ("", ".second")],
    ):
        assert (_names(first.captions), _names(second.captions)) == (["call.vtt"], ["call.second.vtt"])


@pytest.mark.parametrize("inside", ["chat.txt", "Audio Record/audioAda1234567.m4a", "audio_only.m4a"])
def test_links_out_of_a_recording_s_folder_are_refused(tmp_path: Path, inside: str) -> None:
    """Whatever is linked into the folder of a recording, nothing outside of it is read."""
    place = _made(tmp_path / "call", "zoom_0.mp4", "closed_caption.txt")
    (tmp_path / "outside").write_text(_CHAT)
    (place / inside).parent.mkdir(exist_ok=True)
    (place / inside).symlink_to(tmp_path / "outside")
    with pytest.raises(UnreadableInput, match="link"):
        _one(place).open()


def test_linked_sidecars_and_folders(tmp_path: Path) -> None:
    """A linked sidecar of a plain recording is refused; a linked folder is not entered."""
    place = _made(tmp_path / "calls", "a.mp4", "b.mp4")
    (tmp_path / "outside").write_text(_CHAT)
    (place / "a.txt").symlink_to(tmp_path / "outside")
    (place / "more").symlink_to(place)
    first, second = recordings_in(place)
    with pytest.raises(UnreadableInput, match="link"):
        first.open()
    assert second.problem == ""


def test_odd_names(tmp_path: Path) -> None:
    """Names in other scripts, with marks that turn writing round, or that are no UTF-8 at all, are read as they are."""
    place = _made(tmp_path / "call", "zoom_0.mp4")
    for name in ("audio李雷11234567.m4a", "audio\u202eadA11234567.m4a", "audio" + "é" * 100 + "11234567.m4a"):
        _made(place / "Audio Record", name)
    (place / "Audio Record" / b"audio\xff\xfe1234567.m4a".decode("utf-8", "surrogateescape")).touch()
    found = _one(place)
    assert found.problem == ""
    assert "李雷" in found.voice_names


def test_nothing_of_a_recording_is_in_its_representation(tmp_path: Path) -> None:
    """Tracebacks and logs that show a recording show no name of a file or person."""
    _made(tmp_path / "Adaeze", "zoom_0.mp4", "Audio Record/audioAdaeze1234567.m4a", "chat.txt")
    assert "Adaeze" not in repr(_one(tmp_path))
