"""Figures, intervals and what they mean."""

from __future__ import annotations

import numpy as np
import pytest

from recorder.audit.outcome import (
    AttackOutcome,
    AuditVerdict,
    Control,
    Interval,
    Meanings,
    Measured,
    against_control,
    bootstrap,
    equal_error,
    judged,
    wilson,
)


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Of 0 in 10, 5 in 10 and 10 in 10, as Wilson's formula gives them."""
    found = [wilson(hits, 10) for hits in (0, 5, 10)]
    assert [(round(one.low, 3), round(one.high, 3)) for one in found] == [
        (0.0, 0.278),
        (0.237, 0.763),
        (0.722, 1.0),
    ]


def test_nothing_tried_says_nothing() -> None:
    """Without a trial the interval is everything."""
    assert wilson(0, 0) == Interval(0.0, 1.0)


@pytest.mark.parametrize(("shift", "rate"), [(0.0, 0.5), (10.0, 0.0), (2.0, 0.159)])
def test_the_equal_error_rate_is_that_of_two_normal_curves(shift: float, rate: float) -> None:
    """Apart by `shift` deviations, both errors are those beyond the middle."""
    chance = np.random.default_rng(1)
    target, impostor = chance.normal(shift, 1, 20_000), chance.normal(0, 1, 20_000)
    assert equal_error(target, impostor) == pytest.approx(rate, abs=0.01)


def test_scores_that_all_tie_are_chance() -> None:
    """A recogniser that says the same of everybody errs in half of the cases."""
    assert equal_error(np.zeros(5), np.zeros(20)) == pytest.approx(0.5)


def test_an_attack_whose_control_fails_says_nothing() -> None:
    """Neither a good nor a bad figure counts then."""
    control = Control("the originals", 0.1, passed=False)
    assert {judged(control, good=good) for good in (True, False)} == {AuditVerdict.INVALID}


def test_drawing_groups_gives_an_interval_around_their_figure() -> None:
    """The interval of a mean holds the mean, and is narrow where the groups agree."""
    values = np.array([0.4, 0.5, 0.6] * 20)
    interval = bootstrap(range(60), lambda picked: float(values[picked].mean()))
    assert interval.holds(0.5)
    assert interval.high - interval.low < 0.06


@pytest.mark.parametrize(
    ("recognised", "able", "apart", "verdict", "said"),
    [
        (True, True, True, AuditVerdict.FAILED, "recognised"),
        (True, True, False, AuditVerdict.FAILED, "recognised"),
        (False, True, True, AuditVerdict.PASSED, "safe"),
        (False, True, False, AuditVerdict.INVALID, "unclear"),
        (False, False, True, AuditVerdict.INVALID, "unable"),
        (True, False, True, AuditVerdict.INVALID, "recognised"),
    ],
)
def test_an_attack_is_judged_beside_its_control(
    recognised: bool, able: bool, apart: bool, verdict: AuditVerdict, said: str
) -> None:
    """It passes only where it would succeed on the originals and can be told from that."""
    row = against_control(
        AttackOutcome("an attack", "a net", "share", limit=0.4, chance=0.5),
        Measured(0.2, Interval(0.1, 0.3), 12),
        Control("the originals", 0.9, passed=True),
        Meanings("Told.", " recognised", unable=" unable", unclear=" unclear", safe=" safe"),
        recognised=recognised,
        able=able,
        apart=apart,
    )
    assert (row.verdict, row.meaning) == (verdict, f"Told. {said}")
    assert (row.figure, row.trials, row.limit, row.chance) == (0.2, 12, 0.4, 0.5)
