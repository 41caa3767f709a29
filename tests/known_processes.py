"""Sources with known mutual information, in a few lines that share nothing with the package."""

import math

import numpy as np


def two_state_chain(rng, n_documents, length, stay):
    """Fair binary Markov chain: each symbol repeats the last with probability `stay`."""
    flips = rng.random((n_documents, length)) >= stay
    flips[:, 0] = rng.random(n_documents) < 0.5
    return np.cumsum(flips, axis=1) % 2


def two_state_information(stay, lag):
    """f(c) with c = (2 stay - 1)^lag."""
    c = (2 * stay - 1) ** lag
    return 0.5 * ((1 + c) * math.log1p(c) + (1 - c) * math.log1p(-c))


def chain(rng, n_documents, length, transition):
    """Stationary Markov chain with any transition matrix; documents side by side."""
    transition = np.asarray(transition, dtype=float)
    law = stationary(transition)
    edges = np.cumsum(transition, axis=1)
    edges[:, -1] = 1.0
    states = np.empty((n_documents, length), dtype=np.int64)
    states[:, 0] = np.searchsorted(np.cumsum(law)[:-1], rng.random(n_documents))
    for t in range(1, length):
        states[:, t] = (rng.random(n_documents)[:, None] >= edges[states[:, t - 1]]).sum(axis=1)
    return states


def stationary(transition):
    values, vectors = np.linalg.eig(np.asarray(transition, dtype=float).T)
    law = np.real(vectors[:, np.argmax(values.real)])
    return law / law.sum()


def chain_information(transition, lag):
    """sum_ab pi_a T^lag_ab ln(T^lag_ab / pi_b)."""
    law = stationary(transition)
    power = np.linalg.matrix_power(np.asarray(transition, dtype=float), lag)
    return float(np.sum(law[:, None] * power * np.log(power / law)))
