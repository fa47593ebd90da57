"""Grouping speaker vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.audio.speakers import cluster
from redaction.audio.speakers.cluster import MOST_CLUSTERED, SHORTEST_GROUP_S, SURE_S, Voice, group

SIZE = 192


def voices(
    people: list[int], *, spread: float = 0.6, seconds: float = 4.0, seed: int = 0, alike: float = 0.0
) -> list[Voice]:
    """Return a voice for each number of a person: a direction of that person, and `spread` of noise."""
    chance = np.random.default_rng(seed)
    directions = chance.normal(size=(max(people, default=0) + 1, SIZE))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions += alike * directions[0]
    made = []
    for person in people:
        vector = directions[person] + spread * chance.normal(size=SIZE) / np.sqrt(SIZE)
        made.append(Voice((vector / np.linalg.norm(vector)).astype(np.float32), seconds))
    return made


def same_partition(first: list[int], second: list[int]) -> bool:
    """Tell whether two labellings group alike."""
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 1000))
def test_clear_voices_are_grouped_by_person(people: list[int], seed: int) -> None:
    """Passages of one person end in one group and those of two people in two, in any order and number."""
    assert same_partition(group(voices(people, seed=seed)), people)


def test_nobody_gives_no_groups() -> None:
    """Without voices there are no groups."""
    assert group([]) == []


def test_the_cut_is_where_voices_merge() -> None:
    """Two alike voices stay two above the cut and become one below it."""
    people = [0, 1] * 5
    alike = voices(people, spread=0.1, alike=0.9)
    between = float(alike[0].vector @ alike[1].vector)
    assert len(set(group(alike, cut=between + 0.1))) == 2
    assert len(set(group(alike, cut=between - 0.1))) == 1


def test_short_passages_join_a_group_and_found_none() -> None:
    """A passage too short to be sure of goes to the nearest speaker."""
    sure = voices([0, 1] * 3)
    stray = voices([5], seed=9)[0]
    near = sure[1].vector.copy()
    groups = group([*sure, Voice(stray.vector, SURE_S / 2), Voice(near, SURE_S / 2)])
    assert same_partition(groups[:6], [0, 1] * 3)
    assert set(groups) == set(groups[:6])
    assert groups[7] == groups[1]


def test_only_short_passages_are_grouped_all_the_same() -> None:
    """Where every passage is short, they are all that can be grouped."""
    brief = voices([0, 1] * 6, seconds=SURE_S / 2)
    assert same_partition(group(brief), [0, 1] * 6)


def test_a_group_with_too_little_speech_is_dropped() -> None:
    """One odd passage, such as a cough or two people at once, does not become a speaker."""
    odd = voices([0, 0, 0, 1], seconds=SHORTEST_GROUP_S - 0.5)
    assert len(set(group(odd))) == 1
    assert len(set(group(voices([0, 0, 0, 1], seconds=SHORTEST_GROUP_S + 0.5)))) == 2


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many passages there are, only so many are compared pair by pair; the rest follow the centres."""
    compared: list[int] = []
    inner: Callable[..., object] = cluster._clusters

    def counted(vectors: np.ndarray, cut: float) -> object:
        compared.append(len(vectors))
        return inner(vectors, cut)

    monkeypatch.setattr(cluster, "_clusters", counted)
    people = [0, 1] * MOST_CLUSTERED
    assert same_partition(group(voices(people)), people)
    assert compared == [MOST_CLUSTERED]


def test_copies_are_zeroed_and_the_vectors_are_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every copy of a vector is zeroed after grouping, also on an error; the caller's own are left to it."""
    copies: list[np.ndarray] = []

    def fail(vectors: np.ndarray, cut: float) -> object:
        copies.append(vectors)
        raise ArithmeticError

    monkeypatch.setattr(cluster, "_clusters", fail)
    given_voices = voices([0, 1, 0])
    with pytest.raises(ArithmeticError):
        group(given_voices)
    assert copies
    assert not copies[0].any()
    assert all(voice.vector.any() for voice in given_voices)
    given_voices[0].forget()
    assert not given_voices[0].vector.any()
