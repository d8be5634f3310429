"""How wrong a group of corrections may be, at a stated certainty: exact binomial bounds, and bounds with a prior."""

from __future__ import annotations

import numpy as np
from scipy import stats

__all__ = ["beta_upper", "clopper_pearson"]


def clopper_pearson(errors: int, trials: int, *, certainty: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of an error rate.

    Parameters
    ----------
    errors, trials : int
        ``0 <= errors <= trials``.
    certainty : float
        Coverage of the interval, 0..1.

    Returns
    -------
    tuple of float
        Lower and upper end; (0, 1) without trials.

    References
    ----------
    Clopper, Pearson: The use of confidence or fiducial limits illustrated in the case of the binomial, Biometrika 1934.

    Examples
    --------
    No error in 59 is what certifies 95 % at a one-sided certainty of 95 %:

    >>> round(clopper_pearson(0, 59, certainty=0.90)[1], 3)
    0.05
    """
    if not 0 <= errors <= trials:
        raise ValueError(f"{errors} errors in {trials} trials is not possible")
    if trials == 0:
        return 0.0, 1.0
    tail = (1 - certainty) / 2
    lower = 0.0 if errors == 0 else float(stats.beta.ppf(tail, errors, trials - errors + 1))
    upper = 1.0 if errors == trials else float(stats.beta.ppf(1 - tail, errors + 1, trials - errors))
    return lower, upper


def beta_upper(errors: np.ndarray, successes: np.ndarray, *, certainty: float) -> np.ndarray:
    """Upper credible bound of an error rate whose posterior is ``Beta(errors, successes)``, prior included in both.

    Parameters
    ----------
    errors, successes : numpy.ndarray of float, shape (n,)
        Pseudo-counts above 0; they need not be whole numbers.
    certainty : float
        Probability that the error rate is below the bound.

    Returns
    -------
    numpy.ndarray, shape (n,)
        0..1.

    Examples
    --------
    A prior of 0.99 with the weight of four decisions is within a budget of 5 % after three clean approvals; one of
    0.85 is so only after thirty:

    >>> prior = lambda p, n: (4 * (1 - p), 4 * p + n)
    >>> [float(beta_upper(*map(np.array, prior(p, n)), certainty=0.9) < 0.05) for p, n in ((0.99, 3), (0.85, 3), (0.85, 30))]
    [1.0, 0.0, 1.0]
    """
    return stats.beta.ppf(certainty, np.maximum(errors, 1e-6), np.maximum(successes, 1e-6))
