"""Named streams of random numbers that are the same in every run."""

from __future__ import annotations

import math
import random
from statistics import NormalDist


def stream(*name: object) -> random.Random:
    """Return a separate generator for each name, so that draws of one part do not affect another."""
    return random.Random("/".join(str(part) for part in name))  # noqa: S311 - reproducible, not secret


def lognormal_of_quantiles(median: float, p99: float) -> tuple[float, float]:
    """Return (mu, sigma) of the lognormal distribution with this median and 99th percentile."""
    return math.log(median), math.log(p99 / median) / NormalDist().inv_cdf(0.99)


def lognormal_of_mean(mean: float, sigma: float) -> tuple[float, float]:
    """Return (mu, sigma) of the lognormal distribution with this mean."""
    return math.log(mean) - sigma * sigma / 2, sigma
