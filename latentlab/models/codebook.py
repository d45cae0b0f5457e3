"""A book of vectors that stand for what an encoder says, learned by moving averages."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK = 65536  # positions that are compared with all codes at once, so that memory is bounded
UNUSED = 0.03  # share of the mean count under which a code has fallen out of use
NEW = 0.3  # share of the mean count that a moved code starts from: few, so that it learns fast


class Quantized(NamedTuple):
    """A grid of vectors, each replaced by the nearest of the book."""

    codes: Tensor  # int64, (batch, height, width)
    embeddings: Tensor  # (batch, dimension, height, width); gradients go straight to the grid
    distance: Tensor  # (batch,), squared, summed over positions and dimensions; moves the grid only


class Codebook(nn.Module):
    """K vectors, each the moving average of the encoder's vectors that were nearest to it.

    As in batch normalisation, every pass in training mode updates the buffers, and none in
    evaluation. Nothing here has a gradient or draws by chance in a pass.

    The first batch in training starts the codes: at positions evenly spaced over it, moved to the
    means of what they serve. After every batch a code that serves nearly nothing moves to one of
    the positions that are served worst, in the order of their distance.

    All buffers are floats and linear in what was seen, and the vectors are their quotient. An
    average of several books over time is thus a book again.

    Source: van den Oord et al. 2017, appendix A.1, https://arxiv.org/abs/1711.00937; that idle
    codes are moved is from Williams et al. 2020, https://arxiv.org/abs/2002.08111, and Dhariwal et
    al. 2020, https://arxiv.org/abs/2005.00341, who draw where to.
    """

    counts: Tensor  # (codes,), positions a batch that each code serves
    sums: Tensor  # (codes, dimension), of the vectors at these positions
    started: Tensor  # 1 once a batch was seen, else 0

    def __init__(self, codes: int, dimension: int, decay: float = 0.99, epsilon: float = 1e-5):
        """
        Args:
            codes: How many, K.
            dimension: Of the vectors.
            decay: Of the moving averages; 0 keeps the last batch alone.
            epsilon: Added to every count, after which counts are scaled back to their sum.
        """
        super().__init__()
        self.codes = codes
        self.decay = decay
        self.epsilon = epsilon
        self.register_buffer("counts", torch.ones(codes))
        self.register_buffer("sums", torch.randn(codes, dimension))
        self.register_buffer("started", torch.zeros(()))

    @property
    def embeddings(self) -> Tensor:
        """The codes' vectors, (codes, dimension)."""
        total = self.counts.sum()
        smoothed = (self.counts + self.epsilon) / (total + self.codes * self.epsilon) * total
        return self.sums / smoothed[:, None]

    def lookup(self, codes: Tensor) -> Tensor:
        """int64, (batch, height, width) -> (batch, dimension, height, width)"""
        return functional.embedding(codes, self.embeddings).movedim(-1, 1)

    def forward(self, grid: Tensor) -> Quantized:
        """(batch, dimension, height, width), any real numbers; see `Quantized`."""
        grid = grid.to(self.sums.dtype)
        batch, _, height, width = grid.shape
        # A product in 16 bits would mistake neighbours. The meta device knows no autocast.
        kind = "cpu" if grid.is_meta else grid.device.type
        with torch.no_grad(), torch.autocast(kind, enabled=False):
            positions = grid.movedim(1, -1).flatten(0, 2)
            book = self.embeddings
            if self.training:
                book = torch.where(self.started > 0, book, _spread(positions, self.codes))
            flat = torch.cat([_nearest(part, book) for part in positions.split(CHUNK)])
            if self.training:
                self._learn(positions, flat, book)
        codes = flat.unflatten(0, (batch, height, width))
        embeddings = functional.embedding(codes, book).movedim(-1, 1)
        distance = (grid - embeddings).square().sum((1, 2, 3))
        # The difference of the grid and itself is exactly 0 and has the gradient of the grid.
        return Quantized(codes, embeddings + (grid - grid.detach()), distance)

    def _learn(self, positions: Tensor, codes: Tensor, book: Tensor) -> None:
        """Move the averages towards this batch, and the codes that are out of use into it.

        Args:
            positions: (positions, dimension).
            codes: Of each position, (positions,).
            book: What the codes were chosen from, (codes, dimension).
        """
        counts, sums = torch.zeros_like(self.counts), torch.zeros_like(self.sums)
        for part, chosen in zip(positions.split(CHUNK), codes.split(CHUNK), strict=True):
            # A product adds in the same order in every run, which index_add does not on a GPU.
            members = functional.one_hot(chosen, self.codes).to(part.dtype)
            counts += members.sum(dim=0)
            sums += members.T @ part
        kept = self.decay * self.started  # nothing before the first batch
        self.counts.copy_(kept * self.counts + (1 - kept) * counts)
        self.sums.copy_(kept * self.sums + (1 - kept) * sums)
        self.started.fill_(1)

        mean = len(positions) / self.codes
        unused = self.counts < UNUSED * mean
        distance = (positions - book[codes]).square().sum(dim=1)
        worst = positions[distance.topk(min(self.codes, len(positions))).indices]
        place = (unused.cumsum(dim=0) - 1) % len(worst)  # of the first idle code 0, then 1, ..
        self.sums.copy_(torch.where(unused[:, None], NEW * mean * worst[place], self.sums))
        self.counts.copy_(torch.where(unused, NEW * mean, self.counts))


def _spread(positions: Tensor, count: int) -> Tensor:
    """As many vectors at even distances in the batch; some twice if there are too few."""
    return positions[torch.arange(count, device=positions.device) * len(positions) // count]


def _nearest(positions: Tensor, book: Tensor) -> Tensor:
    """The index of the nearest vector in the book, (positions,); the first of equals."""
    return (book.square().sum(dim=1) - 2 * positions @ book.T).argmin(dim=1)
