"""Looking at the loss without making the device wait."""

import torch

from latentlab.fitting.sums import Sums

READ_EVERY = 20  # steps after which a loss that is no finite number has been noticed, at the latest


class Reading:
    """The mean loss of the epoch so far, as it was asked for; it arrives when the device is there.

    Args:
        wait: Have it at once. Several processes must, as all of them have to agree on it.
    """

    def __init__(self, sums: Sums, *, wait: bool = False):
        self.images = sums.images
        self.arrived: torch.cuda.Event | None = None
        if sums.loss.device.type != "cuda" or wait:
            self.total = sums.loss.cpu()
            return
        self.total = torch.empty((), dtype=sums.loss.dtype, pin_memory=True)
        self.total.copy_(sums.loss, non_blocking=True)
        self.arrived = torch.cuda.Event()
        self.arrived.record()

    @property
    def ready(self) -> bool:
        return self.arrived is None or self.arrived.query()

    def mean(self) -> float:
        """Waits for it if it has not arrived."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return float(self.total) / max(self.images, 1)


class Watch:
    """Asks for a reading every few steps, and gives it when it is there.

    Where readings arrive late they are asked for twice as often, and waited for when the next is
    due, so that READ_EVERY holds. The device need not wait: it has been given the steps since.
    """

    def __init__(self, device: torch.device, *, wait: bool):
        self.wait = wait
        self.every = READ_EVERY // 2 if device.type == "cuda" and not wait else READ_EVERY
        self.asked: Reading | None = None

    def look(self, step: int, sums: Sums) -> float | None:
        """After each step: the mean loss, if one has arrived since the last look."""
        due, found = step % self.every == 0, None
        if self.asked is not None and (due or self.asked.ready):
            found, self.asked = self.asked.mean(), None
        if due:
            self.asked = Reading(sums, wait=self.wait)
            if found is None and self.asked.ready:
                found, self.asked = self.asked.mean(), None
        return found
