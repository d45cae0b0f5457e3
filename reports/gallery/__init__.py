"""The page over a folder of runs: which there are, and what each found."""
