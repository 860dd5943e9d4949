"""Student's t distribution, in plain Python: importing scipy's would take longer than a whole table."""

import math
from functools import lru_cache


def student_t_cdf(t: float, freedom: float) -> float:
    """Probability that Student's t with ``freedom`` (real, > 0) degrees of freedom is at most ``t``."""
    tail = 0.5 * _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=4096)
def student_t_quantile(probability: float, freedom: float) -> float:
    """Inverse of ``student_t_cdf`` for a probability from one half up to below 1.

    Newton's steps from 0: above 0 the cumulative distribution bends down, so they never step too far. They end where
    rounding ends them, near one half by the absolute bound, else by the relative one.
    """
    log_density_at_0 = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    log_density_at_0 -= 0.5 * math.log(freedom * math.pi)
    t = 0.0
    while True:
        density = math.exp(log_density_at_0 - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (probability - student_t_cdf(t, freedom)) / density
        t += step
        if step <= 1e-9 * t + 1e-12:
            return t


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b): its continued fraction, evaluated from the far end."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly its mirror image is fast
        return 1 - _incomplete_beta(1 - x, b, a)
    fraction = 1.0
    for m in range(40 + int(2 * math.sqrt(a + b)), 0, -1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        fraction = 1 + even / (1 + odd / fraction)
    fraction = 1 - (a + b) * x / (a + 1) / fraction
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta) / (a * fraction)
