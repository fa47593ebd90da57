"""What a bundle says of the policy it was made under."""

from __future__ import annotations

from recorder.bundle.contents import Origin
from redaction.policy import ConsentSection, Policy, SpeechSection

NAMES = ("Rosalind", "Franklin", "Ada")


def test_lists_of_words_leave_a_trace_and_no_word() -> None:
    """How many words were allowed and names given is told, with what silence means; no word of them is."""
    rules = Policy(
        consent=ConsentSection(default="allow"), speech=SpeechSection(allow=NAMES, roster=NAMES[:2])
    )
    facts = Origin.of_policy(rules, models=(), audio=True).policy
    assert (facts["speech.allow"], facts["speech.roster"]) == (3, 2)
    assert facts["consent.default"] == "allow"
    assert facts["profile"] == rules.profile
    assert not any(name in str(facts) for name in NAMES)
    plain = Origin.of_policy(Policy(), models=(), audio=True).policy
    assert (plain["speech.allow"], plain["speech.roster"], plain["consent.default"]) == (0, 0, "deny")
