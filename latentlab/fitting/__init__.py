"""The parts of the training loop (`latentlab.training`): weights, sums, steps, and what is made
ready for steps to come."""
