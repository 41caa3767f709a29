"""Models whose law is known exactly, written without the package's own layers."""

import numpy as np
import torch


class MarkovModel:
    """A Markov chain as a `SequenceModel`: the state is the symbol that was read last."""

    horizon = None

    def __init__(self, transition):
        self.transition = np.asarray(transition, float)
        values, vectors = np.linalg.eig(self.transition.T)
        law = np.real(vectors[:, np.argmax(values.real)])
        self.stationary = law / law.sum()
        self.alphabet_size = len(law)
        with np.errstate(divide="ignore"):
            self._rows = torch.tensor(np.log(np.vstack([self.transition, self.stationary])))

    def start(self, n):
        return torch.full((n,), self.alphabet_size)

    def step(self, symbols, state):
        last = state if symbols is None else symbols
        return self._rows[last], last

    def log_probs(self, codes):
        before = torch.cat([codes.new_full((len(codes), 1), self.alphabet_size), codes[:, :-1]], 1)
        return self._rows[before]

    def features(self, state):
        return torch.nn.functional.one_hot(state, self.alphabet_size + 1)[:, : self.alphabet_size].double()


class LastSymbols:
    """The next of two symbols repeats the one `back` steps before with probability `stay`; it looks back no further."""

    alphabet_size = 2

    def __init__(self, back=2, stay=0.8, context=8):
        self.back, self.stay, self.horizon, self.longest = back, stay, context, context

    def start(self, n):
        return torch.zeros(n, 0, dtype=torch.int64)

    def step(self, symbols, state):
        if symbols is not None:
            state = torch.cat([state, symbols[:, None]], 1)
        assert state.shape[1] < self.longest, "read beyond the context"
        one = torch.full((len(state),), 0.5)
        if state.shape[1] >= self.back:
            one = torch.where(state[:, -self.back] == 1, self.stay, 1 - self.stay)
        return torch.stack([1 - one, one], 1).log(), state
