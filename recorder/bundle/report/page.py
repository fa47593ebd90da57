"""The page of a report: one template, every text of it escaped, nothing fetched."""

from __future__ import annotations

from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from recorder.bundle.manifest import HintsEntry, Manifest, ReviewEntry
from recorder.bundle.report.timeline import clock

__all__ = ["figures", "report_page"]


def report_page(**parts: object) -> str:
    """Render the page; every text in it is escaped."""
    return _template().render(**parts)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("recorder.bundle", "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2")


def figures(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what was examined and removed, name and figure."""
    video, audio = manifest.coverage.video, manifest.coverage.audio
    rows = [("Length", clock(manifest.duration))]
    if video.frames:
        known = video.detected + video.bridged + video.covered_whole
        rows += [
            ("Frames", f"{video.frames}"),
            ("examined", f"{video.detected} looked at, {video.bridged} proven unchanged between two looks"),
            ("covered whole", f"{video.covered_whole}"),
            ("accounted for", f"{100 * known / video.frames:.1f} %"),
            ("Faces followed", f"{video.tracklets}, of which {video.minors} treated as minors and removed"),
            *_doubt(manifest),
            ("Picture covered", f"{100 * video.share_of_area_covered:.1f} % of all pixels"),
        ]
    if audio.seconds:
        rows += [
            ("Speech heard", f"{audio.speech:.1f} s, {audio.words} words, {audio.speakers} speakers"),
            ("Sound that is silent", f"{audio.silenced:.1f} s of {audio.seconds:.1f} s"),
            ("Voices", manifest.voice.method),
        ]
    if manifest.hints is not None:
        rows.append(("Given back by hints of a reviewer", _hints(manifest.hints)))
    return rows + [("Looked at by a person", _review(manifest, entry)) for entry in manifest.review]


_HINTS: Final = {
    "face": "places that are no face",
    "adult": "people who are adults",
    "word": "words that are no name",
}


def _hints(entry: HintsEntry) -> str:
    """Say how many hints there were and how many had a part."""
    told = [f"{entry.used.get(kind, 0)} of {count} {_HINTS[kind]}" for kind, count in entry.given.items()]
    return ", ".join(told) or "none"


_CHANGES: Final = {
    "cover": "covers added",
    "whole": "stretches covered whole",
    "mute": "stretches muted",
    "word": "words masked",
    "drop": "participants dropped",
    "cut": "stretches cut out",
}


def _review(manifest: Manifest, entry: ReviewEntry) -> str:
    """Say who looked at how much, and what they changed."""
    share = min(1.0, entry.seen / max(manifest.duration, entry.seen, 0.001))
    changed = ", ".join(f"{count} {_CHANGES[kind]}" for kind, count in entry.changed.items())
    return (
        f"{entry.time.strftime('%Y-%m-%d %H:%M')} UTC by {entry.by or 'somebody who gave no name'}: "
        f"{100 * share:.0f} % played, {entry.looked_at} of {entry.places} places looked at; "
        f"{changed or 'nothing changed'}"
    )


def _doubt(manifest: Manifest) -> list[tuple[str, str]]:
    """Say what became of those in doubt, and by which profile; older bundles knew none."""
    if "minors.in_doubt" not in manifest.policy:
        return []
    treated = "removed as minors" if manifest.policy["minors.in_doubt"] == "remove" else "covered as adults"
    profile = manifest.policy.get("profile", "unknown")
    return [("In doubt whether minors", f"{manifest.coverage.video.in_doubt}, {treated} (profile {profile})")]
