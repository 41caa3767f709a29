"""What all processes share: arguments, samples, pieces, alias tables, and information without loss."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.estimation.covariance import gaussian_information
from miscope.processes import AsymptoticLaw, RealProcess, SymbolProcess, drawing
from miscope.processes.alias import alias_tables
from miscope.processes.checking import number_between, real_number, real_numbers, whole_number
from miscope.processes.exact import Joint, information
from miscope.sequences import Sequences, Series


class Copies(SymbolProcess):
    """Three symbols; each pair is equal with probability 1/2 more than by chance at lag 1, 1/4 at lag 2, and so on."""

    alphabet_size = 3
    alphabet = ("a", "b", "c")

    def __init__(self, law=(0.2, 0.3, 0.5), longest=None):
        self.parameters = {"law": list(law), "scale": 2, "name": "copies", "flag": True}
        self._law = np.array(law)
        self._longest = longest

    @property
    def longest(self):
        return self._longest

    def _fill(self, generator, codes):
        codes[:] = generator.choice(3, codes.shape, p=self._law)

    def _joints(self, lags):
        extra = np.diag(self._law) - np.outer(self._law, self._law)
        return (Joint(self._law, self._law, extra * 0.5 ** float(lag)) for lag in lags)


class TwoChannels(RealProcess):
    """White noise and its delayed copy."""

    n_channels = 2

    def __init__(self):
        self.parameters = {}

    def autocovariance(self, lags):
        at = np.zeros((len(lags), 2, 2))
        at[lags == 0] = [[1.0, 0.0], [0.0, 4.0]]
        at[lags == 1] = [[0.0, 0.0], [1.2, 0.0]]
        return at

    def _fill(self, generator, values):
        values[:] = generator.standard_normal(values.shape)
        values[:, 1:, 1] = 1.2 * values[:, :-1, 0] + 1.6 * values[:, 1:, 1]
        values[:, 0, 1] *= 2


# Base


def test_laws_print_themselves():
    assert str(AsymptoticLaw("exponential", correlation_length=12.3456)) == "exponential, correlation length 12.35"
    assert str(AsymptoticLaw("power law", exponent=0.4)) == "power law, exponent 0.4"
    assert str(AsymptoticLaw("finite")) == "finite"


def test_names_of_a_process():
    process = Copies()
    assert process.label == "Copies scale 2"
    assert repr(process) == "Copies(law=[0.2, 0.3, 0.5], scale=2, name='copies', flag=True)"
    assert process.description == {"name": "Copies", "parameters": process.parameters}
    assert (process.law, process.entropy_rate, process.longest) == (None, None, None)
    long = Copies()
    long.parameters["law"] = list(range(100))
    assert "law=[0, 1, 2" in repr(long)
    assert len(repr(long)) < 130
    assert TwoChannels().label == "TwoChannels"


def test_samples_are_sequences_with_their_provenance():
    sample = Copies().sample(3, 5, seed=7)
    assert isinstance(sample, Sequences)
    assert sample.offsets.tolist() == [0, 5, 10, 15]
    assert (sample.alphabet_size, sample.alphabet, sample.codes.dtype) == (3, ("a", "b", "c"), np.uint8)
    assert sample.provenance == {"label": "Copies scale 2", "process": Copies().description, "seed": 7}
    assert Copies().sample(length=np.int64(4)).n_symbols == 4


def test_joint_information_and_correlation_of_symbols():
    process, law = Copies(), np.array([0.2, 0.3, 0.5])
    table = 0.75 * np.outer(law, law) + 0.25 * np.diag(law)
    np.testing.assert_allclose(process.joint(2), table, atol=1e-16)
    exact = np.sum(table * np.log(table / np.outer(law, law)))
    assert process.mutual_information([2])[0] == pytest.approx(exact, rel=1e-13, abs=0)
    assert process.correlation([2])[0] == pytest.approx(np.linalg.svd(table - np.outer(law, law))[1][0])
    numbers = np.array([-1.0, 0.0, 3.0])
    covariance = numbers @ table @ numbers - (law @ numbers) ** 2
    for values in (numbers, [-1, 0, 3], (-1, 0, 3.0)):
        assert process.correlation([2], values=values)[0] == pytest.approx(covariance)
    process.values = (-1.0, 0.0, 3.0)
    assert process.correlation([2])[0] == pytest.approx(covariance)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2], "values must be 3 numbers, one for each symbol"),
        ([[1, 2, 3]], "each of values must be a number"),
        (["1", "2", "3"], "each of values must be a number, not '1'"),
        ([1, 2, math.nan], "each of values must be a number, not nan"),
        (2.0, "values must be a list of numbers, not 2.0"),
    ],
)
def test_values_that_are_none(values, words):
    with pytest.raises(InputError, match=words):
        Copies().correlation([1], values)


def test_lags_are_those_of_measure():
    process = Copies()
    assert len(process.mutual_information("all:7")) == 7
    np.testing.assert_array_equal(process.mutual_information([3, 1, 3]), process.mutual_information([1, 3]))
    assert process.mutual_information([10**15])[0] == 0
    assert len(process.mutual_information(None)) == len(process.mutual_information("1:4096"))  # a quarter of 2^14
    with pytest.raises(InputError, match="lags start at 1"):
        process.mutual_information([0])
    with pytest.raises(InputError, match="no document is long enough for lag 10: the longest has 10 symbols"):
        Copies(longest=10).mutual_information([10])
    with pytest.raises(InputError, match="documents of 11 symbols cannot be drawn: the longest there can be has 10"):
        Copies(longest=10).sample(1, 11)
    assert Copies(longest=10).sample(1, 10).n_symbols == 10


def test_processes_of_several_channels():
    process = TwoChannels()
    sample = process.sample(50_000, 3, seed=1)
    assert isinstance(sample, Series)
    assert sample.values.shape == (150_000, 2)
    x = sample.values.reshape(-1, 3, 2)
    seen = np.mean(x[:, 2, :, None] * x[:, 1, None, :], axis=0)  # Cov(x[t + 1], x[t]), as autocovariance has it
    np.testing.assert_allclose(seen, process.autocovariance(np.array([1]))[0], atol=4.5 * 4 / np.sqrt(50_000))
    # of x2[t + 1] and x1[t]: correlation 1.2 / 2
    assert process.mutual_information([1, 2]) == pytest.approx([-0.5 * math.log(1 - 0.36), 0.0])
    assert process.correlation([1, 2]) == pytest.approx([1.2, 0.0])
    with pytest.raises(InputError, match="2 channels has no quantiles"):
        process.quantised()


def test_numbers_at_the_door():
    assert whole_number(np.int32(3), "n", 1) == 3
    assert type(whole_number(np.int32(3), "n", 1)) is int
    for bad in (0, True, np.True_, 2.0, "2", None):
        with pytest.raises(InputError, match="n must be a whole number of at least 1, not "):
            whole_number(bad, "n", 1)
    with pytest.raises(InputError, match="n must be a whole number of at most 3, not 4"):
        whole_number(4, "n", 1, 3)
    with pytest.raises(InputError, match="n must be a whole number of at least 1, not a number of thousands of digits"):
        whole_number(-(10**5000), "n", 1)
    assert number_between(1, "a", 0, 2) == 1.0
    for bad in (0, 2.0):
        with pytest.raises(InputError, match="a must lie between 0 and 2, both excluded; not "):
            number_between(bad, "a", 0, 2)
    assert real_number(np.float32(0.5), "a") == 0.5
    assert real_number(2, "a", above=1.0) == 2.0
    for bad in (True, "2", None, math.nan, -math.inf, 10**400, 1j, [1.0]):
        with pytest.raises(InputError, match="a must be a number, not "):
            real_number(bad, "a")
    with pytest.raises(InputError, match=r"a must be a number above 1\.5, not 1\.5"):
        real_number(1.5, "a", above=1.5)
    assert real_numbers(range(3), "a").tolist() == [0, 1, 2]
    assert real_numbers([], "a").dtype == np.float64
    for bad in ("12", b"12", {1: 2}, 3, None, np.float64(3), np.array(3.0)):
        with pytest.raises(InputError, match="a must be a list of numbers, not "):
            real_numbers(bad, "a")
    with pytest.raises(InputError, match="each of a must be a number, not "):
        real_numbers(np.zeros((2, 2)), "a")


# Drawing


def test_pieces_are_drawn_apart_and_put_together(monkeypatch):
    def draw(generator, values):
        values[:] = generator.integers(0, 1 << 30, values.shape)

    monkeypatch.setattr(drawing, "PIECE", 20)
    drawn = []
    for threads in (1, 2, 9):
        monkeypatch.setattr(drawing, "thread_count", lambda threads=threads: threads)
        drawn.append(drawing.draw_documents(draw, 13, 5, 3, np.int64))
    assert all(documents.tobytes() == drawn[0].tobytes() for documents in drawn)
    # Documents 4 to 7 are the second piece of seed 3, the last piece holds one document.
    np.testing.assert_array_equal(drawn[0][4:8], np.random.default_rng([1, 3]).integers(0, 1 << 30, (4, 5)))
    np.testing.assert_array_equal(drawn[0][12:], np.random.default_rng([3, 3]).integers(0, 1 << 30, (1, 5)))
    assert len(np.unique(drawn[0])) == drawn[0].size


def test_documents_longer_than_a_piece_and_of_some_width():
    def draw(generator, values):
        values[:] = len(values)

    documents = drawing.draw_documents(draw, 2, drawing.PIECE + 1, 0, np.float32, (2,))
    assert documents.shape == (2, drawing.PIECE + 1, 2)
    assert (documents == 1).all()


def test_what_goes_wrong_in_a_thread_comes_out():
    def draw(generator, values):
        raise InputError("no such documents")

    with pytest.raises(InputError, match="no such documents"):
        drawing.draw_documents(draw, 3, 5, 0, np.uint8)


# Alias tables


def law_of(keep, alias):
    law = keep.copy()
    for row in range(len(law)):
        np.add.at(law[row], alias[row], 1 - keep[row])
    return law / law.shape[1]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 5000])
@pytest.mark.parametrize("concentration", [0.01, 1.0, 100.0])
def test_alias_tables_hold_their_law(size, concentration):
    laws = np.random.default_rng(size).dirichlet(np.full(size, concentration), 3)
    laws[:, size // 2] = 0.0 if size > 1 else 1.0
    laws /= laws.sum(axis=1, keepdims=True)
    keep, alias = alias_tables(laws)
    np.testing.assert_allclose(law_of(keep, alias), laws, atol=1e-15 * max(size, 4))
    assert (keep >= 0).all()
    assert (keep <= 1).all()


@pytest.mark.parametrize("law", [[1.0, 0.0, 0.0], [0.0, 0.1, 0.2, 0.3, 0.4], [0.1] * 10, [0.0, 1 / 3, 1 / 3, 1 / 3]])
def test_what_has_no_probability_is_never_drawn(law):
    keep, alias = alias_tables(np.array([law]))
    u = np.concatenate([np.random.default_rng(0).random(20_000), [0.0, np.nextafter(1, 0)]]) * len(law)
    k = u.astype(int)
    drawn = np.where(u - k < keep[0, k], k, alias[0, k])
    assert set(drawn) == set(np.flatnonzero(law))
    assert np.abs(np.bincount(drawn, minlength=len(law)) / len(drawn) - law).max() < 0.02


def test_alias_tables_leave_the_laws_alone():
    laws = np.array([[0.25, 0.75]])
    alias_tables(laws)
    assert laws.tolist() == [[0.25, 0.75]]


# Exact information


def exactly(joint):
    """Mutual information with four hundred digits, of the very numbers in `joint`."""
    with localcontext(prec=400):
        total = Decimal(0)
        for a, left in enumerate(joint.left):
            for b, right in enumerate(joint.right):
                product = Decimal(float(left)) * Decimal(float(right))
                both = product + Decimal(float(joint.connected[a, b]))
                total += (both * (both / product).ln() if both > 0 else 0) - (both - product)
        return float(total)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e-17, 1e-9, 1e-4, 0.009, 0.011, 0.05, 0.3, 0.999])
def test_information_keeps_its_digits_where_it_is_tiny(scale):
    # sum P ln P would be rounding noise below 1e-16: here it is right down to 1e-300.
    left, right = np.array([0.1, 0.2, 0.7]), np.array([0.4, 0.6])
    shape = np.array([[0.04, -0.04], [-0.05, 0.05], [0.01, -0.01]])
    joint = Joint(left, right, scale * shape)
    assert information(joint) == pytest.approx(exactly(joint), rel=1e-12, abs=0)


@pytest.mark.parametrize("x", [-0.0100001, -0.0099999, 0.0099999, 0.0100001])
def test_information_is_smooth_where_its_series_ends(x):
    # The series ends with x^10 / 90: one that ended with x^6 would be wrong by 1e-12 here.
    left, right = np.array([0.1, 0.9]), np.array([0.1, 0.9])
    joint = Joint(left, right, 0.01 * x * np.array([[1, -1], [-1, 1]]))
    assert information(joint) == pytest.approx(exactly(joint), rel=3e-13, abs=0)


def test_information_of_certain_and_impossible_pairs():
    fair = np.array([0.5, 0.5])
    assert information(Joint(fair, fair, np.zeros((2, 2)))) == 0
    assert information(Joint(fair, fair, np.array([[0.25, -0.25], [-0.25, 0.25]]))) == pytest.approx(math.log(2))
    # a symbol that never comes, and a connected part that rounding took below -p_a p_b
    never = np.array([0.5, 0.5, 0.0])
    excess = np.array([[0.25, -0.25 - 1e-17, 0], [-0.25 - 1e-17, 0.25, 0], [0, 0, 0]])
    assert information(Joint(never, never, excess)) == pytest.approx(math.log(2))
    np.testing.assert_allclose(Joint(fair, fair, excess[:2, :2]).table, [[0.5, 0], [0, 0.5]], atol=1e-16)


@pytest.mark.parametrize(("d", "e"), [(1, 1), (2, 2), (3, 1), (2, 4)])
def test_gaussian_information_is_half_a_log_determinant(d, e):
    rng = np.random.default_rng(d * e)
    mix = rng.standard_normal((d + e, d + e + 1))
    whole = mix @ mix.T
    left, right, cross = whole[:d, :d], whole[d:, d:], whole[:d, d:]
    logs = [np.linalg.slogdet(part)[1] for part in (left, right, whole)]
    assert gaussian_information(left, right, cross) == pytest.approx(
        0.5 * (logs[0] + logs[1] - logs[2]), rel=1e-10, abs=0
    )


def test_gaussian_information_at_the_edges():
    one = np.eye(1)
    assert gaussian_information(one, one, 1e-120 * one) == pytest.approx(0.5e-240, rel=1e-12, abs=0)
    assert gaussian_information(one, one, 0 * one) == 0
    assert gaussian_information(one, one, one) == math.inf
    rho = Decimal("0.999999")
    exact = float(-(1 - rho * rho).ln() / 2)
    assert gaussian_information(4 * one, 9 * one, 6 * 0.999999 * one) == pytest.approx(exact, rel=1e-9, abs=0)
