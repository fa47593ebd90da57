"""The policy file: what is accepted, what is refused and what its digest tells."""

import pytest

from redaction.errors import UsageError
from redaction.policy import Policy


def test_empty_file_is_the_default_policy() -> None:
    """An empty file gives the defaults: solid faces, minors removed, voices spoken anew."""
    policy = Policy.from_toml("")
    assert policy == Policy()
    assert (policy.faces.method, policy.voice.method, policy.minors.all_declared_adult) == (
        "solid",
        "resynthesize",
        False,
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[faces]\nmethod = 'blur'", "faces.method"),
        ("[minors]\nadult_if_at_least = 25", "minors.adult_if_at_least"),
        ("[minors]\nmin_face_px = 64", "minors.min_face_px"),
        ("[minors]\nin_doubt = 'keep'", "minors.in_doubt"),
        ("profile = 'bank'", "profile"),
        ("[face]\nmethod = 'solid'", "face"),
        ("[speech]\nnames = 'x'", "speech.names"),
        ("[output]\ncrf = 51", "output.crf"),
    ],
)
def test_bad_key_is_named_but_not_its_value(text: str, key: str) -> None:
    """An unknown key or a value out of range is refused in a sentence that names the key alone."""
    with pytest.raises(UsageError, match=key.replace(".", r"\.")) as error:
        Policy.from_toml(text)
    assert "blur" not in error.value.sentence


def test_roster_never_shows_in_an_error() -> None:
    """A roster of the wrong type does not print the names in it."""
    with pytest.raises(UsageError) as error:
        Policy.from_toml("[speech]\nroster = 'Adaeze Okonkwo'")
    assert "Adaeze" not in str(error.value)


def test_not_toml_is_one_sentence() -> None:
    """Text that is no TOML is a usage error."""
    with pytest.raises(UsageError, match="not valid TOML"):
        Policy.from_toml("[faces")


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (
            "minors",
            "i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible = 'yes'",
        ),
        (
            "minors",
            "i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible = 1",
        ),
        ("minors", "all_declared_adult = 'yes'"),
        ("call", "alone_s = '20'"),
        ("call", "alone_s = nan"),
        ("purpose", "retention_days = true"),
        ("purpose", "retention_days = 90.0"),
        ("purpose", "name = 2026-01-01"),
        ("speech", "roster = [1]"),
    ],
)
def test_values_of_another_type_are_not_bent(section: str, line: str) -> None:
    """What is not written as the type of its key is refused, above all by the key that declares all adult."""
    with pytest.raises(UsageError, match=rf"{section}\.{line.split()[0]}"):
        Policy.from_toml(f"[{section}]\n{line}")


def test_types_as_they_are_written() -> None:
    """A whole number may stand for a number, and lists are lists."""
    policy = Policy.from_toml("[call]\nalone_s = 30\n[speech]\nroster = ['Ada']\nallow = []")
    assert policy.call.alone_s == 30
    assert policy.speech.roster == ("Ada",)


def test_absurd_text_is_one_sentence() -> None:
    """Nesting without end is no crash, and a key with control characters does not reach the terminal."""
    with pytest.raises(UsageError, match="not valid TOML"):
        Policy.from_toml("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(UsageError) as error:
        Policy.from_toml('[faces]\n"\\u001b[2J Adaeze" = 1')
    assert "faces.?" in error.value.sentence
    assert "Adaeze" not in error.value.sentence
    assert error.value.sentence.isprintable()


def test_digest_follows_the_rules_and_not_the_names() -> None:
    """The digest changes with what is redacted, and cannot be used to guess a roster."""
    plain = Policy()
    roster = Policy.from_toml("[speech]\nroster = ['Adaeze Okonkwo']")
    mosaic = Policy.from_toml("[faces]\nmethod = 'mosaic'")
    assert plain.digest == roster.digest
    assert plain.digest != mosaic.digest


def test_profile_sets_what_becomes_of_doubt() -> None:
    """The product covers who is in doubt and the school removes them; a key that is given wins over the profile."""
    assert Policy.from_toml("").minors.in_doubt == "cover"
    assert Policy.from_toml("profile = 'product'") == Policy()
    school = Policy.from_toml("profile = 'school'")
    assert school.minors.in_doubt == Policy(profile="school").minors.in_doubt == "remove"
    assert school.digest != Policy().digest
    given = Policy.from_toml("profile = 'school'\n[minors]\nin_doubt = 'cover'\nall_declared_adult = true")
    assert (given.minors.in_doubt, given.minors.all_declared_adult) == ("cover", True)
    assert Policy.model_validate_json(school.model_dump_json()) == school


def test_turning_ages_off_needs_the_whole_sentence() -> None:
    """Only the key that names its risk turns the estimates off; a declaration does not."""
    key = "i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible"
    assert Policy.from_toml(f"[minors]\n{key} = true").minors.unchecked
    declared = Policy.from_toml("[minors]\nall_declared_adult = true").minors
    assert declared.all_declared_adult
    assert not declared.unchecked
