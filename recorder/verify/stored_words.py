"""The words that a bundle would hold, and which of them a personal word is that is heard in the stored audio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from redaction.audio.voice.mute import merged_spans
from redaction.model import EntityType, RedactedUtterance, Span, TextFinding, Token, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.fuzzy import distance
from redaction.text.lexicon import CLOSED, fold, is_ordinary, stem
from redaction.text.person_names import compact

__all__ = ["PLACEHOLDER", "HeardWord", "Repair", "StoredWords"]

PLACEHOLDER: Final = "—"
"""Stands for what is masked already, so that its neighbours are read in their place and it is not found again."""

_NEAR_S: Final = 0.3
"""How far a stored word may be from where the same word is heard. Source: Whisper places 98 % of word edges within
0.3 s (measured against the word times of TIMIT)."""

_PAD_S: Final = 0.15
_EDGE_S: Final = 0.1
"""How far the edges of an aligned word may be off, with room: half of them are within 14 ms on TIMIT."""
_SHORTEST_NAME: Final = 2
_LONG_NUMBER: Final = 4
_SHORTEST_ALIKE: Final = 4


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A personal word that was heard in the stored audio.

    Attributes:
        span: where, in seconds of the track.
        entity_type: what it is.
        raw: it was said in the recording and redacted.
    """

    text: str = field(repr=False)
    span: Span
    entity_type: EntityType
    raw: bool = False


@dataclass(slots=True)
class Repair:
    """What must be done to one track.

    Attributes:
        masked: where the stored words are heard that were masked just now.
        silent: where else nothing may be heard.
    """

    masked: list[Span] = field(default_factory=list)
    silent: list[Span] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.masked or self.silent)

    @property
    def spans(self) -> list[Span]:
        """Everything that must fall silent where words cannot be spoken again."""
        return merged_spans([*self.masked, *self.silent])


@dataclass(frozen=True, slots=True)
class _Place:
    """One stored token: its utterance and its index in it."""

    utterance: int
    index: int
    token: Token

    @property
    def kept(self) -> bool:
        return self.token.entity_type is None

    @property
    def span(self) -> Span:
        return self.token.span


class StoredWords:
    """The words of all tracks, masked further as personal ones are found in them or heard.

    Args:
        words: what would be stored, by track.
        policy: what stands for personal words, and what the audio is made of.
    """

    def __init__(self, words: Mapping[str, Sequence[RedactedUtterance]], policy: Policy) -> None:
        self._words = {track: list(utterances) for track, utterances in words.items()}
        self._policy = policy
        self._speaks = policy.voice.method == "resynthesize"

    def of(self, track: str) -> tuple[RedactedUtterance, ...]:
        """Return the words of one track."""
        return tuple(self._words.get(track, ()))

    def replace(self, track: str, utterances: Sequence[RedactedUtterance]) -> None:
        """Take up the same words at other times."""
        self._words[track] = list(utterances)

    def search(self, finder: PersonalDataFinder) -> dict[str, Repair]:
        """Search the stored words as text; mask what is found, and return where it is heard, by track."""
        order = sorted(
            ((track, at) for track, items in self._words.items() for at in range(len(items))),
            key=lambda place: self._words[place[0]][place[1]].span,
        )
        texts = [_as_text(self._words[track][at], track) for track, at in order]
        repairs: dict[str, Repair] = {}
        for finding in finder.find(texts):
            track, at = order[finding.utterance]
            self._mask_found(track, at, finding, repairs.setdefault(track, Repair()))
        return {track: repair for track, repair in repairs.items() if repair}

    def placed(self, track: str, heard: Sequence[Utterance]) -> list[Utterance]:
        """Return what was heard with placeholders where stored words are masked, and by whom it was said.

        Without them a tone is simply missing: what follows `my name is` would be taken for the name.
        """
        stored = self.of(track)
        holes = [place.span for place in self._places(track) if not place.kept]
        return [_placed(one, stored, holes, track) for one in heard]

    def resolve(self, track: str, word: HeardWord) -> Repair:
        """Mask the stored words that a heard personal word is, and return what must fall silent.

        It is the stored word with the same letters near it. Where there is none it is what it was heard over. A word
        that is kept is masked with it, unless it only joins others. A synthetic voice says the kept words and tones
        and nothing else: a name heard over a tone is the tone, misheard, and an everyday word that was written small,
        or `I`, is one, whatever the second hearing makes of the words around it. Both stay, unless they were said in
        the recording and redacted. What is heard where no word is stored falls silent, and so does all that is heard
        of a voice that is only disguised.
        """
        places = list(self._places(track))
        meant = [place for place in places if place.kept and _is_meant(place, word)]
        if self._speaks and not word.raw and meant and all(_is_plain(place.token.text) for place in meant):
            return Repair()
        if word.raw and meant and word.text.strip(".,?!").isdigit() and len(word.text) < _LONG_NUMBER:
            return Repair()  # so many things are counted that a short number which was kept is another one
        if not meant:
            meant = _heard_over(places, word)
            if self._speaks and not word.raw and _is_beside_tone(places, word):
                meant = [place for place in meant if not is_ordinary(fold(place.token.text))]
        if meant:
            for place in meant:
                self._mask(track, place, word.entity_type)
            return Repair(masked=[self._reach(place, places) for place in meant])
        if self._speaks and not word.raw and _is_accounted_for(places, word):
            return Repair()
        return Repair(silent=self._hole(word.span, places))

    def silence(self, track: str, spans: Sequence[Span]) -> Repair:
        """Mask every stored word of which at least half lies in the spans; all of it must fall silent."""
        for place in list(self._places(track)):
            whole = place.span if place.token.located else self._words[track][place.utterance].span
            if place.kept and any(_share(whole, span) >= 0.5 for span in spans):
                self._mask(track, place, EntityType.OTHER)
        return Repair(silent=list(spans))

    def _places(self, track: str) -> Iterator[_Place]:
        for number, utterance in enumerate(self._words.get(track, ())):
            for index, token in enumerate(utterance.tokens):
                yield _Place(number, index, token)

    def _mask_found(self, track: str, at: int, finding: TextFinding, repair: Repair) -> None:
        places = list(self._places(track))
        for place in places:
            if place.utterance == at and finding.first <= place.index < finding.last and place.kept:
                whole = self._words[track][at].span
                repair.masked.append(self._reach(place, places) if place.token.located else whole)
                self._mask(track, place, finding.entity_type)

    def _mask(self, track: str, place: _Place, kind: EntityType) -> None:
        utterance = self._words[track][place.utterance]
        tokens = list(utterance.tokens)
        text = "" if self._policy.transcript.names == "drop" else str(kind)
        tokens[place.index] = replace(place.token, text=text, entity_type=kind)
        self._words[track][place.utterance] = replace(utterance, tokens=tuple(tokens))

    def _reach(self, place: _Place, places: Sequence[_Place]) -> Span:
        """Return a word's time with its margins, which end where another kept word begins."""
        return _grown(place.span, [one.span for one in places if _is_kept_beside(one, place)])

    def _hole(self, span: Span, places: Sequence[_Place]) -> list[Span]:
        """Return what falls silent of a place where no kept word is personal: beside a synthetic voice's kept words."""
        kept = [place.span for place in places if place.kept and place.token.located]
        if not self._speaks:
            return [_grown(span, kept)]
        left = [span.padded(_PAD_S, _PAD_S)]
        for other in kept:
            left = [piece for one in left for piece in _without(one, other)]
        return [one for one in left if one.overlaps(span)]


def _as_text(utterance: RedactedUtterance, track: str) -> Utterance:
    words = tuple(
        Word(token.text if token.entity_type is None else PLACEHOLDER, token.span, located=token.located)
        for token in utterance.tokens
    )
    speaker = f"{utterance.track} {utterance.speaker}"
    return Utterance(words, utterance.span, speaker, track, utterance.language)


def _placed(
    heard: Utterance, stored: Sequence[RedactedUtterance], holes: Sequence[Span], track: str
) -> Utterance:
    marks = [Word(PLACEHOLDER, hole) for hole in holes if hole.overlaps(heard.span)]
    words = sorted([*heard.words, *marks], key=lambda word: word.span.start)
    near = max(stored, key=lambda one: _shared(one.span, heard.span), default=None)
    if near is None or not near.span.overlaps(heard.span):
        return replace(heard, words=tuple(words), track=track)
    return replace(
        heard,
        words=tuple(words),
        track=track,
        speaker=f"{near.track} {near.speaker}",
        language=near.language,
    )


def _is_meant(place: _Place, word: HeardWord) -> bool:
    near = place.span if not place.token.located else place.span.padded(_NEAR_S, _NEAR_S)
    return near.overlaps(word.span) and _alike(place.token.text, word.text)


def _alike(stored: str, heard: str) -> bool:
    """Tell whether two words are the same, a wrong letter in a long one aside."""
    one, other = (compact(stem(fold(text))) for text in (stored, heard))
    if not one or not other:
        return False
    longer = max(len(one), len(other))
    return one == other or (longer >= _SHORTEST_ALIKE and distance(one, other) <= longer // _SHORTEST_ALIKE)


def _heard_over(places: Sequence[_Place], word: HeardWord) -> list[_Place]:
    """Return the kept words that a heard word of other letters stands over."""
    over = [
        place
        for place in places
        if place.kept
        and place.token.located
        and not _only_joins(place.token.text)
        and max(_share(place.span, word.span), _share(word.span, place.span)) >= 0.5
    ]
    if _is_replaced(places, word):
        return [place for place in over if not is_ordinary(fold(place.token.text))]
    return over


def _is_accounted_for(places: Sequence[_Place], word: HeardWord) -> bool:
    """Tell whether at least half of what was heard lies over stored words or what stands for them."""
    stored = merged_spans(
        place.span.padded(_EDGE_S, _EDGE_S)
        for place in places
        if place.token.located and place.span.overlaps(word.span.padded(_EDGE_S, _EDGE_S))
    )
    return sum(_share(word.span, span) for span in stored) >= 0.5


def _is_replaced(places: Sequence[_Place], word: HeardWord) -> bool:
    """Tell whether what was heard is mostly the tone or the stand-in for a masked word."""
    return sum(_share(word.span, place.span) for place in places if not place.kept) >= 0.5


def _is_beside_tone(places: Sequence[_Place], word: HeardWord) -> bool:
    """Tell whether a tone or stand-in is so near that what was heard may be it, timed early or late."""
    around = word.span.padded(_NEAR_S, _NEAR_S)
    return any(not place.kept and place.span.overlaps(around) for place in places)


def _is_plain(text: str) -> bool:
    """Tell whether a stored word is an everyday one that was written small, or one that only joins, such as `I`."""
    core = fold(text)
    return core in CLOSED or core.partition("'")[0] == "i" or (text[:1].islower() and is_ordinary(core))


def _only_joins(text: str) -> bool:
    core = fold(text)
    return core in CLOSED or len(core) < _SHORTEST_NAME


def _is_kept_beside(one: _Place, place: _Place) -> bool:
    return one.kept and one.token.located and (one.utterance, one.index) != (place.utterance, place.index)


def _grown(span: Span, others: Sequence[Span]) -> Span:
    """Return a span with its margins, as far as no other begins or ends in them."""
    start, end = span.start - _PAD_S, span.end + _PAD_S
    for other in others:
        if other.start < span.start:
            start = max(start, min(other.end, span.start))
        if other.end > span.end:
            end = min(end, max(other.start, span.end))
    return Span(max(0.0, start), end)


def _without(span: Span, other: Span) -> list[Span]:
    if not span.overlaps(other):
        return [span]
    parts = [(span.start, min(span.end, other.start)), (max(span.start, other.end), span.end)]
    return [Span(start, end) for start, end in parts if end > start]


def _shared(one: Span, other: Span) -> float:
    return min(one.end, other.end) - max(one.start, other.start)


def _share(part: Span, whole: Span) -> float:
    """Return how much of a part lies in a whole, 0 to 1."""
    if part.duration <= 0:
        return float(whole.start <= part.start < whole.end)
    return max(0.0, _shared(part, whole)) / part.duration
