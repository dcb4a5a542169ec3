"""Streams of random numbers that are the same in every run, and told apart by name."""

from __future__ import annotations

import math
import random
from statistics import NormalDist


def stream(*name: object) -> random.Random:
    """A generator of its own for each name, so that one part's draws never shift another's."""
    return random.Random("/".join(str(part) for part in name))  # noqa: S311 - reproducible, not secret


def lognormal_of_quantiles(median: float, p99: float) -> tuple[float, float]:
    """(mu, sigma) of the lognormal distribution with this median and 99th percentile."""
    return math.log(median), math.log(p99 / median) / NormalDist().inv_cdf(0.99)


def lognormal_of_mean(mean: float, sigma: float) -> tuple[float, float]:
    """(mu, sigma) of the lognormal distribution with this mean."""
    return math.log(mean) - sigma * sigma / 2, sigma
