"""The book gives the nearest vectors, follows what it serves, and leaves no code idle."""

import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from latentlab.models.codebook import CHUNK, Codebook
from latentlab.randomness import torch_generator


def normal(*shape, seed=0, **kind):
    return torch.randn(*shape, generator=torch_generator(seed, "grid"), **kind)


def as_grid(positions):
    """(positions, dimension) -> (1, dimension, positions, 1)"""
    return positions.T[None, :, :, None]


def book_of(vectors, counts=None, **settings):
    """A started book of these vectors, (codes, dimension)."""
    book = Codebook(*vectors.shape, **settings).to(vectors.dtype)
    book.counts.copy_(torch.ones(len(vectors)) if counts is None else counts)
    book.sums.copy_(vectors * book.counts[:, None])
    book.started.fill_(1)
    return book


def clusters(seed=0, images=8, side=8):
    """Positions in tight clusters around 4 centres, and the centres."""
    centres = torch.tensor([[4.0, 0, 0], [0, 4, 0], [0, 0, 4], [-4, -4, -4]])
    chosen = torch.randint(4, (images, side, side), generator=torch_generator(seed, "clusters"))
    grid = centres[chosen] + 0.1 * normal(images, side, side, 3, seed=seed)
    return grid.movedim(-1, 1), centres


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("codes", [1, 7, 64])
def test_every_position_gets_the_nearest_vector(seed, codes):
    book = book_of(normal(codes, 5, seed=seed, dtype=torch.float64)).eval()
    grid = normal(3, 5, 4, 6, seed=seed + 10, dtype=torch.float64)
    codes, embeddings, distance = book(grid)
    apart = torch.cdist(grid.movedim(1, -1).flatten(1, 2), book.embeddings)
    nearest, indices = apart.min(dim=-1)
    assert torch.equal(codes.flatten(1), indices)
    torch.testing.assert_close(distance, nearest.square().sum(1))
    torch.testing.assert_close(embeddings.movedim(1, -1), book.embeddings[codes])
    assert torch.equal(embeddings, book.lookup(codes))


def test_many_positions_are_served_as_few_are():
    book = book_of(normal(3, 2)).eval()
    grid = normal(2, 2, 300, 300)
    assert grid.shape[0] * 300 * 300 > 2 * CHUNK
    together = book(grid).codes
    alone = torch.cat([book(row).codes for row in grid.split(100, dim=2)[1].split(1)])
    assert torch.equal(together[:, 100:200], alone)
    apart = (grid[:, None] - book.embeddings[None, :, :, None, None]).square().sum(2)
    assert torch.equal(together, apart.argmin(1))


def test_gradients_go_straight_through_and_the_distance_pulls_the_grid():
    book = book_of(normal(6, 3)).train()
    grid, weights = normal(2, 3, 4, 4, seed=1).requires_grad_(), normal(2, 3, 4, 4, seed=2)
    before = book.embeddings
    codes, embeddings, distance = book(grid)
    assert torch.equal(embeddings.detach(), before[codes].movedim(-1, 1))
    (slopes,) = torch.autograd.grad((embeddings * weights).sum(), grid, retain_graph=True)
    assert torch.equal(slopes, weights)
    (slopes,) = torch.autograd.grad((distance * torch.tensor([1.0, 3.0])).sum(), grid)
    pull = 2 * (grid - embeddings).detach() * torch.tensor([1.0, 3.0])[:, None, None, None]
    torch.testing.assert_close(slopes, pull)
    assert not list(book.parameters())
    assert not any(buffer.requires_grad for buffer in book.buffers())


def test_a_step_of_the_averages_worked_by_hand():
    book = book_of(
        torch.tensor([[0.0, 0], [10, 0]]), counts=torch.tensor([2.0, 4]), decay=0.5, epsilon=0.0
    )
    positions = torch.tensor([[1.0, 1], [2, 0], [9, 3]])
    quantized = book(as_grid(positions))
    assert quantized.codes.flatten().tolist() == [0, 0, 1]
    assert quantized.distance.tolist() == [2 + 4 + 10]
    assert book.counts.tolist() == [2, 2.5]  # half of 2 and 2, half of 4 and 1
    assert book.sums.tolist() == [[1.5, 0.5], [24.5, 1.5]]
    torch.testing.assert_close(book.embeddings, torch.tensor([[0.75, 0.25], [9.8, 0.6]]))


def test_smoothing_keeps_the_sum_of_the_counts():
    book = book_of(torch.ones(3, 1), counts=torch.tensor([1.0, 2, 5]), epsilon=1.0)
    # Counts of 2, 3 and 6, scaled from 11 to 8.
    expected = torch.tensor([[1.0], [2], [5]]) / (torch.tensor([[2.0], [3], [6]]) * 8 / 11)
    torch.testing.assert_close(book.embeddings, expected)


def test_many_steps_are_the_discounted_sums_of_what_was_served():
    book, decay = book_of(normal(4, 2), decay=0.9, epsilon=0.0), 0.9
    counts, sums = book.counts.clone(), book.sums.clone()
    for step in range(20):
        grid = normal(2, 2, 8, 8, seed=step)
        positions = grid.movedim(1, -1).flatten(0, 2)
        nearest = torch.cdist(positions, sums / counts[:, None]).argmin(1)
        for code in range(4):
            mine = positions[nearest == code]
            counts[code] = decay * counts[code] + (1 - decay) * len(mine)
            sums[code] = decay * sums[code] + (1 - decay) * mine.sum(0)
        book(grid)
    torch.testing.assert_close(book.counts, counts)
    torch.testing.assert_close(book.embeddings, sums / counts[:, None])


def test_without_decay_a_step_is_one_of_k_means():
    book, grid = book_of(normal(4, 2), decay=0.0, epsilon=0.0), normal(4, 2, 8, 8, seed=1)
    for _ in range(10):
        codes = book(grid).codes
        positions = grid.movedim(1, -1)
        means = torch.stack([positions[codes == code].mean(0) for code in range(4)])
        torch.testing.assert_close(book.embeddings, means)
    first, last = book_of(normal(4, 2)).eval()(grid), book.eval()(grid)
    assert last.distance.sum() < first.distance.sum()


@pytest.mark.parametrize("seed", range(3))
def test_codes_find_clusters_from_the_first_batch(seed):
    book = Codebook(16, 3)
    for step in range(30):
        book(clusters(seed=100 * seed + step)[0])
    grid, centres = clusters(seed=seed)
    quantized = book.eval()(grid)
    apart = torch.cdist(centres, book.embeddings).amin(1)
    assert apart.max() < 0.15
    assert (grid - quantized.embeddings).square().sum(1).mean() < 0.04
    assert len(quantized.codes.unique()) == 16


def test_the_first_batch_starts_codes_within_it_and_chance_has_no_part():
    books = [Codebook(8, 3) for _ in range(2)]
    grid, before = 5 + normal(4, 3, 5, 5), torch.random.get_rng_state()
    first, second = (book(grid) for book in books)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(books[0].embeddings, books[1].embeddings)
    assert torch.equal(first.codes, second.codes)
    assert books[0].started == 1
    assert first.embeddings.min() > grid.min() - 1e-5
    assert len(first.codes.unique()) == 8


def test_an_idle_code_moves_to_what_is_served_worst():
    vectors = torch.tensor([[0.0, 0], [1, 0], [50, 50], [60, 60]])
    book = book_of(vectors, counts=torch.tensor([3.0, 3, 1e-4, 1e-4]))
    positions = torch.tensor([[0.0, 0], [0, 0.1], [1, 0], [0, 9], [1, 0.1], [1, -7]])
    book(as_grid(positions))
    torch.testing.assert_close(
        book.embeddings[2:], torch.tensor([[0.0, 9], [1, -7]]), atol=1e-3, rtol=1e-3
    )
    served = book.eval()(as_grid(positions)).codes.flatten()
    assert served[[3, 5]].tolist() == [2, 3]


def test_codes_far_from_everything_come_back_into_use():
    vectors = torch.cat([torch.zeros(1, 3), 100 + normal(15, 3)])
    book = book_of(vectors, decay=0.9)
    for step in range(100):
        codes = book(clusters(seed=step)[0]).codes
    assert len(codes.unique()) == 16


@pytest.mark.parametrize("positions", [1, 3])
def test_a_batch_may_have_fewer_positions_than_codes(positions):
    book, grid = Codebook(10, 2), normal(1, 2, positions, 1)
    for _ in range(3):
        quantized = book(grid)
        torch.testing.assert_close(quantized.embeddings, grid, atol=1e-3, rtol=1e-3)
    assert book.embeddings.isfinite().all()


def test_equal_positions_leave_no_code_undefined():
    book = Codebook(6, 2)
    for _ in range(5):
        quantized = book(torch.ones(2, 2, 3, 3))
    torch.testing.assert_close(quantized.embeddings, torch.ones(2, 2, 3, 3), atol=1e-3, rtol=0)
    assert book.embeddings.isfinite().all()


def test_starting_codes_that_are_equal_move_apart():
    """Most of the first batch is one vector, as of a black background."""
    grid = torch.zeros(4, 2, 8, 8)
    grid[0, :, 3:5] = normal(2, 2, 8)
    book = Codebook(8, 2)
    book(grid)
    assert len(book.eval()(grid).codes.unique()) >= 7


def test_evaluation_changes_nothing():
    book = Codebook(5, 3).eval()
    before = copy.deepcopy(book.state_dict())
    book(normal(2, 3, 4, 4))
    book.lookup(torch.zeros(1, 2, 2, dtype=torch.int64))
    assert all(torch.equal(before[name], value) for name, value in book.state_dict().items())
    assert book.started == 0


def test_a_stored_book_goes_on_as_it_would_have():
    first, second = Codebook(5, 3), Codebook(5, 3)
    first(normal(2, 3, 4, 4))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in range(3):
        grid = normal(2, 3, 4, 4, seed=step)
        assert torch.equal(first(grid).embeddings, second(grid).embeddings)
    assert torch.equal(first.embeddings, second.embeddings)


def test_the_average_of_books_over_time_is_a_book():
    book = Codebook(8, 3)
    averaged = AveragedModel(book, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for step in range(60):
        book(clusters(seed=step)[0])
        averaged.update_parameters(book)
    assert all(buffer.is_floating_point() for buffer in book.buffers())
    assert averaged.module.started.item() == pytest.approx(1)
    grid = clusters()[0]
    kept, own = averaged.module.eval()(grid), book.eval()(grid)
    torch.testing.assert_close(kept.distance, own.distance, rtol=0.1, atol=0.1)


def test_arithmetic_of_16_bits_is_the_networks_alone():
    book, other = book_of(normal(6, 3)), book_of(normal(6, 3))
    grid = normal(2, 3, 8, 8, seed=1).bfloat16()
    exact = other(grid.float())
    with torch.autocast("cpu", torch.bfloat16):
        quantized = book(grid)
    assert quantized.embeddings.dtype == quantized.distance.dtype == torch.float32
    assert torch.equal(quantized.codes, exact.codes)
    assert torch.equal(quantized.distance, exact.distance)
    assert torch.equal(book.embeddings, other.embeddings)


@pytest.mark.parametrize("training", [True, False])
def test_shapes_are_known_without_memory(training):
    with torch.device("meta"):
        book = Codebook(512, 16).train(training)
        codes, embeddings, distance = book(torch.empty(2, 16, 7, 7))
        assert book.lookup(codes).shape == (2, 16, 7, 7)
    assert (codes.shape, codes.dtype) == ((2, 7, 7), torch.int64)
    assert embeddings.shape == (2, 16, 7, 7)
    assert distance.shape == (2,)
