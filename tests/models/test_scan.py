"""Scans against the recursion, one step after the other, and their gradients against finite differences."""

import pytest
import torch

from miscope.errors import InputError
from miscope.models.scan import scan


def loop(a, b):
    """Along the first dimension."""
    h, rows = torch.zeros_like(b[0]), []
    for factor, given in zip(a.expand_as(b), b, strict=True):
        h = factor * h + given
        rows.append(h)
    return torch.stack(rows)


def made(shape, dtype, seed):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 64, 100, 127, 128, 129])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("constant", [False, True])
def test_is_the_loop(length, dtype, constant):
    a, b = made((1 if constant else length, 3, 2), dtype, 1), made((length, 3, 2), dtype, 2)
    a = 0.98 * a / a.abs()
    untouched = a.clone(), b.clone()
    torch.testing.assert_close(scan(a, b), loop(a, b))
    torch.testing.assert_close((a, b), untouched)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_precision_over_many_steps(dtype):
    a, b = made((4096, 5), dtype, 3), made((4096, 5), dtype, 4)
    a = 0.999 * a / a.abs()
    wide = torch.complex128 if dtype.is_complex else torch.float64
    exact = loop(a.to(wide), b.to(wide))
    assert (scan(a, b) - exact).abs().max() < 1e-5 * exact.abs().max()


@pytest.mark.parametrize("shape", [(), (4,), (3, 1, 1), (3, 1, 4), (1, 7, 1), (1, 1, 1)])
@pytest.mark.parametrize("dim", [1, -2])
def test_shapes_and_dimensions(shape, dim):
    a, b = made(shape, torch.float64, 5).tanh(), made((3, 7, 4), torch.float64, 6)
    expected = loop(a.expand_as(b).transpose(0, 1), b.transpose(0, 1)).transpose(0, 1)
    torch.testing.assert_close(scan(a, b, dim), expected)


def test_real_factors_of_complex_inputs_and_the_other_way_round():
    real, other = made((9, 2), torch.float64, 7).tanh(), made((9, 2), torch.complex128, 8) / 2
    torch.testing.assert_close(scan(real, other), loop(real + 0j, other))
    torch.testing.assert_close(scan(other, real), loop(other, real + 0j))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 21, *(pytest.param(n, marks=pytest.mark.long) for n in (64, 100))])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("shape", [None, (2,), (1, 1)])
def test_gradients(length, dtype, shape):
    """Of factors that change with time, that do not, and that are shared."""
    a = made((length, 2) if shape is None else shape, dtype, 9)
    a = (0.9 * a / a.abs().clamp_min(1.0)).requires_grad_()
    b = made((length, 2), dtype, 10).requires_grad_()
    assert torch.autograd.gradcheck(scan, (a, b))
    assert torch.autograd.gradcheck(lambda b: scan(a.detach(), b), (b,))
    assert torch.autograd.gradcheck(lambda a: scan(a, b.detach()), (a,))


def test_gradients_of_gradients():
    a, b = made((6, 2), torch.float64, 11).tanh().requires_grad_(), made((6, 2), torch.float64, 12).requires_grad_()
    assert torch.autograd.gradgradcheck(scan, (a, b))


def test_gradients_of_real_parts():
    """What is real before it is combined with what is complex has a real gradient."""
    a = made((5, 2), torch.float64, 13).tanh().requires_grad_()
    b = made((5, 2), torch.complex128, 14).requires_grad_()
    assert torch.autograd.gradcheck(scan, (a, b))


def test_number_of_operations_grows_as_the_logarithm():
    def operations(length):
        with torch.profiler.profile() as seen:
            scan(torch.tensor(0.9), torch.ones(length))
        return sum(each.count for each in seen.key_averages() if each.key == "aten::addcmul_")

    assert [operations(2**k) for k in (3, 6, 12)] == [2 * k for k in (3, 6, 12)]


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 5, 2)])
def test_shapes_that_do_not_fit(shape):
    with pytest.raises(InputError, match=r"do not broadcast to inputs of shape \(5, 2\)"):
        scan(torch.ones(shape), torch.ones(5, 2))


def test_a_number_has_no_time():
    with pytest.raises(InputError, match="do not broadcast"):
        scan(torch.tensor(0.5), torch.tensor(1.0))
