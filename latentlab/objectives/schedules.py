"""Weights that change while training goes on: functions of the step alone."""


def linear(step: int, steps: int) -> float:
    """From 0 at step 0 to 1 at step `steps` and 1 after; always 1 if `steps` is 0.

    Source: KL annealing, Bowman et al. 2016, https://arxiv.org/abs/1511.06349
    """
    return min(1.0, step / steps) if steps else 1.0


def cyclic(step: int, steps: int, cycles: int, rising: float = 0.5) -> float:
    """`cycles` times from 0 to 1 within `steps` steps, and 1 after.

    Each cycle rises over the first `rising` of its length and stays at 1 for the rest.

    Source: Fu et al. 2019, https://arxiv.org/abs/1903.10145
    """
    if step >= steps:
        return 1.0
    length = steps / cycles
    return min(1.0, (step % length) / (rising * length))
