"""Move the latents, decode, measure again: what a direction changes, and what else."""
