"""A stand-in for CUDA graphs on the CPU: work is recorded as the operations that reach PyTorch's
dispatcher, and replayed on the same tensors without running any Python of the work again. Whatever
a graph would not carry over (a Python number, a branch, the number of a step) stays here as it was
too, and what cannot be recorded there is refused here.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

# Reading a number back, and what makes a tensor of Python's numbers or of a generator on the CPU.
REFUSED = {
    "_local_scalar_dense", "lift_fresh", "is_nonzero", "item", "randn", "rand", "normal_",
    "uniform_", "random_", "bernoulli_",
}  # fmt: skip


class Counting(TorchDispatchMode):
    """Counts how often a number is read back from a tensor."""

    def __init__(self):
        super().__init__()
        self.reads = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.reads += func.__name__.partition(".")[0] == "_local_scalar_dense"
        return func(*args, **(kwargs or {}))


class Recording(TorchDispatchMode):
    """Operations with what they were given and what they gave; and tensors that they changed, as
    they were before."""

    def __init__(self):
        super().__init__()
        self.operations, self.before = [], {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name, kwargs = func.__name__.partition(".")[0], kwargs or {}
        if name in REFUSED:
            raise RuntimeError(f"{name} cannot be recorded")
        if func._schema.is_mutable or "batch_norm" in name:  # whose schema does not tell
            tree_map(self.keep, (args, kwargs))
        found = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, found))
        return found

    def keep(self, value):
        if isinstance(value, torch.Tensor):
            storage = value.untyped_storage()
            self.before.setdefault(storage.data_ptr(), (storage, storage.clone()))

    def put_back(self):
        for storage, content in self.before.values():
            storage.copy_(content)


def record(work):
    """Record what work does. It changes nothing, as a CUDA graph is recorded without being run."""
    recording = Recording()
    try:
        with recording:
            work()
    finally:
        recording.put_back()
    return lambda: replay(recording.operations)


@torch.no_grad()
def replay(operations):
    made = {}  # what an operation gave when it was recorded -> what it gives now

    def now(value):
        return made.get(id(value), value) if isinstance(value, torch.Tensor) else value

    for func, args, kwargs, found in operations:
        given, named = tree_map(now, args), tree_map(now, kwargs)
        again = func(*given, **named)
        before = found if isinstance(found, tuple | list) else [found]
        after = again if isinstance(again, tuple | list) else [again]
        for one, other in zip(before, after, strict=True):
            if isinstance(one, torch.Tensor):
                made[id(one)] = other
