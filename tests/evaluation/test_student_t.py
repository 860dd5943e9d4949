"""Student's t against printed tables and its own symmetry."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from videobench.evaluation.student_t import student_t_cdf, student_t_quantile


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (10, 2.22814), (30, 2.04227), (1e6, 1.95997)],
)
def test_the_printed_table(freedom, quantile):
    """The 97.5 % column of any textbook."""
    assert student_t_quantile(0.975, freedom) == pytest.approx(quantile, rel=1e-5)


@given(st.floats(-50, 50), st.floats(0.5, 5000))
def test_symmetry_and_limits(t, freedom):
    """P(T <= t) + P(T <= -t) = 1, within [0, 1]."""
    assert student_t_cdf(t, freedom) + student_t_cdf(-t, freedom) == pytest.approx(1, abs=1e-9)
    assert 0 <= student_t_cdf(t, freedom) <= 1


@given(st.floats(0.5, 1 - 1e-9), st.floats(1, 5000))
@example(0.5000000000000001, 1312.013682987609)  # one rounding step above one half: used to go on for ever
def test_the_quantile_inverts_the_distribution(probability, freedom):
    """From the middle to far out in the tail."""
    found = student_t_cdf(student_t_quantile(probability, freedom), freedom)
    assert 1 - found == pytest.approx(1 - probability, rel=1e-5)


def test_one_degree_of_freedom_is_cauchy():
    """At t = 1 the Cauchy distribution has three quarters behind it."""
    assert student_t_cdf(1, 1) == pytest.approx(0.75, abs=1e-12)
