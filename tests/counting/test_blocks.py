"""Where blocks are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miscope.counting.blocks import cut_blocks
from miscope.errors import InputError
from miscope.sequences import Sequences


def of_lengths(lengths):
    return Sequences.from_arrays(np.zeros(sum(lengths), np.uint8), np.concatenate([[0], np.cumsum(lengths)]))


LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(lambda lengths: sum(lengths) >= 2)


@given(LENGTHS, st.data())
def test_blocks_ascend_and_cover_everything(lengths, data):
    n = sum(lengths)
    count = data.draw(st.integers(2, n))
    cut = cut_blocks(of_lengths(lengths), count)
    assert cut.count == count
    assert cut.bounds.dtype == np.int64
    assert (cut.bounds[0], cut.bounds[-1], len(cut.bounds)) == (0, n, count + 1)
    assert (np.diff(cut.bounds) > 0).all()


@given(LENGTHS, st.data())
def test_borders_go_to_the_nearest_document_border_within_half_a_block(lengths, data):
    n = sum(lengths)
    count = data.draw(st.integers(2, n))
    cut = cut_blocks(of_lengths(lengths), count)
    borders = sorted({0, *np.cumsum(lengths).tolist()})
    for j in range(1, count):
        ideal = j * n // count
        distance = min(abs(border - ideal) for border in borders)
        if 2 * distance < n // count:
            assert cut.bounds[j] in borders
            assert abs(cut.bounds[j] - ideal) == distance
        else:
            assert cut.bounds[j] == ideal
    assert cut.n_cut == sum(int(bound) not in borders for bound in cut.bounds)


@given(st.integers(2, 12), st.integers(1, 6), st.integers(1, 30))
def test_many_documents_of_one_length_stay_whole(count, each, length):
    cut = cut_blocks(of_lengths([length] * (count * each)), count)
    assert cut.bounds.tolist() == [j * each * length for j in range(count + 1)]
    assert cut.n_cut == 0


@given(st.integers(2, 9), st.integers(40, 60), st.integers(10, 20))
def test_documents_much_shorter_than_blocks_stay_whole(count, each, length):
    # Not a multiple of the blocks, so borders have to move.
    cut = cut_blocks(of_lengths([length] * (count * each + 1)), count)
    assert cut.n_cut == 0
    assert np.ptp(np.diff(cut.bounds)) <= 2 * length


def test_one_document_is_cut_into_near_equal_parts():
    cut = cut_blocks(of_lengths([103]), 4)
    assert cut.bounds.tolist() == [0, 25, 51, 77, 103]
    assert cut.n_cut == 3


def test_a_near_border_is_taken_and_a_far_one_is_not():
    # Blocks of 50: the ideal border at 50.
    assert cut_blocks(of_lengths([26, 74]), 2).bounds.tolist() == [0, 26, 100]
    assert cut_blocks(of_lengths([25, 75]), 2).bounds.tolist() == [0, 50, 100]
    assert cut_blocks(of_lengths([74, 26]), 2).bounds.tolist() == [0, 74, 100]
    assert cut_blocks(of_lengths([75, 25]), 2).bounds.tolist() == [0, 50, 100]
    assert [cut_blocks(of_lengths([k, 100 - k]), 2).n_cut for k in (25, 26, 50, 74, 75)] == [1, 0, 0, 0, 1]


def test_empty_documents_have_borders_too():
    cut = cut_blocks(of_lengths([0, 0, 10, 0, 10, 0]), 2)
    assert cut.bounds.tolist() == [0, 10, 20]
    assert cut.n_cut == 0


def test_as_many_blocks_as_symbols():
    cut = cut_blocks(of_lengths([2, 3]), 5)
    assert cut.bounds.tolist() == [0, 1, 2, 3, 4, 5]
    assert cut.n_cut == 3


def test_no_blocks():
    cut = cut_blocks(of_lengths([4, 5]), 0)
    assert (cut.bounds.tolist(), cut.count, cut.n_cut) == ([0, 9], 0, 0)
    assert cut.bounds.dtype == np.int64


def test_numpy_numbers_are_numbers():
    cut = cut_blocks(of_lengths([4, 4]), np.int32(2))
    assert type(cut.count) is int
    assert type(cut.n_cut) is int


@pytest.mark.parametrize("blocks", [2.0, "3", None, True, False, [4]])
def test_what_is_no_number_of_blocks(blocks):
    with pytest.raises(InputError, match="blocks must be a whole number, not"):
        cut_blocks(of_lengths([50]), blocks)


@pytest.mark.parametrize("blocks", [1, -1, -32])
def test_too_few_blocks(blocks):
    with pytest.raises(InputError, match=f"blocks must be at least 2, or 0 for no error bars; got {blocks}"):
        cut_blocks(of_lengths([50]), blocks)


def test_more_blocks_than_symbols():
    with pytest.raises(InputError, match=r"9 blocks, but only 8 symbols .* ask for fewer blocks, or blocks=0"):
        cut_blocks(of_lengths([5, 3]), 9)
