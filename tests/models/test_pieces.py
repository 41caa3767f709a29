"""Models drawn from and probed on workers: the same as here, on any number of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import miscope as ms
from miscope.counting.cluster import ClusterError
from miscope.errors import InputError
from miscope.models import ElmanRNN, LinearGaussianRNN, by_map
from miscope.models.pieces import over_pieces, pieces

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module", params=[1, 3])
def client(request):
    with (
        distributed.LocalCluster(
            n_workers=request.param, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return ElmanRNN(alphabet_size=3, width=4)


def test_documents_do_not_depend_on_who_draws_them(client, network):
    here = ms.sample(network, 50, 40, seed=5, batch=8)
    there = ms.sample(network, 50, 40, seed=5, batch=8, cluster=client)
    assert here == there
    assert there.provenance["sampling"]["batch"] == 8


def test_real_numbers_neither(client):
    model = LinearGaussianRNN(width=2, channels=2, seed=1)
    here = ms.sample(model, 30, 20, seed=5, batch=7)
    there = ms.sample(model, 30, 20, seed=5, batch=7, cluster=client)
    np.testing.assert_array_equal(here.values, there.values)


def test_by_default_a_cluster_draws_in_sixty_fourths(client, network):
    there = ms.sample(network, 130, 10, seed=5, cluster=client)
    assert there.provenance["sampling"]["batch"] == 3
    assert there == ms.sample(network, 130, 10, seed=5, batch=3)


@pytest.mark.parametrize("more", [{}, {"counts": "hard"}, {"classes": by_map(range(3), {0: "a", 1: "a", 2: "b"})}])
def test_curves_do_not_depend_on_who_draws(client, network, more):
    here = ms.probe(network, [1, 2, 5], 50, 60, seed=2, batch=9, blocks=6, **more)
    seen = []
    there = ms.probe(
        network,
        [1, 2, 5],
        50,
        60,
        seed=2,
        batch=9,
        blocks=6,
        cluster=client,
        progress=lambda *a: seen.append(a),
        **more,
    )
    np.testing.assert_array_equal(here.mi, there.mi)
    np.testing.assert_array_equal(here.replicates, there.replicates)
    assert seen[-1][0] == seen[-1][1]
    assert seen == sorted(seen)


def test_curves_of_real_numbers_neither(client):
    model = LinearGaussianRNN(width=2, channels=1, seed=1)
    here = ms.probe(model, [1, 2], 40, 50, seed=2, batch=11, blocks=6)
    there = ms.probe(model, [1, 2], 40, 50, seed=2, batch=11, blocks=6, cluster=client)
    np.testing.assert_array_equal(here.mi, there.mi)


def test_pieces_add_up_whatever_blocks_they_cut(network):
    # The sums of all pieces are those of one, though the documents differ: checked with documents that do not.
    def ones(model, first, n, generator, report):
        return first, n

    found = [each[2] for each in over_pieces(ones, network, 25, 10, 8, 0)]
    assert found == [(0, 8), (8, 8), (16, 8), (24, 1)]
    numbers = [generator.random() for _, _, generator, _ in pieces(25, 10, 8, 0)]
    assert len(set(numbers)) == 4


def test_what_goes_wrong_on_a_worker_is_said_here(client, network):
    with pytest.raises(InputError, match="batch"):
        ms.sample(network, 10, 10, batch=0, cluster=client)

    def breaks(model, first, n, generator, report):
        raise InputError(f"no document {first}")

    with pytest.raises(InputError, match="no document 0"):
        list(over_pieces(breaks, network, 10, 10, 5, 0, cluster=client))


def test_what_was_lost_is_drawn_again(client, network, tmp_path):
    broken = tmp_path / "broken"

    def breaks_once(model, first, n, generator, report):
        if first == 8 and not broken.exists():
            broken.touch()
            raise distributed.comm.core.CommClosedError("the worker has gone")
        return first, generator.random()

    there = list(over_pieces(breaks_once, network, 20, 10, 4, seed=3, cluster=client))
    assert broken.exists()
    assert there == list(over_pieces(breaks_once, network, 20, 10, 4, seed=3))


def test_lost_workers_are_explained(client, network):
    def dies(model, first, n, generator, report):
        raise distributed.scheduler.KilledWorker("piece 3", SimpleNamespace(address="tcp://a:1"), 3)

    with pytest.raises(ClusterError, match=r"died one after the other.*piece 3.*smaller batch"):
        list(over_pieces(dies, network, 10, 10, 5, 0, cluster=client))


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_slow_steps_are_told_one_by_one_and_quick_ones_now_and_then(monkeypatch, seconds):
    """A step of a large network may take seconds: what counts is time, not how many steps there were."""
    clock, told = iter(np.arange(1e6) * seconds / 2), []
    monkeypatch.setattr("miscope.models.pieces.time.monotonic", lambda: next(clock))
    for _, n, _, report in pieces(10, 100, 5, 0, lambda *now: told.append(now)):
        for t in range(100):
            report(t)
        assert n == 5
    assert len(told) == (200 if seconds else 2)
    assert told[-1] == (1000, 1000)
