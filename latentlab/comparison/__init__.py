"""Several runs held against each other: what differs, by how much, and what survives retraining."""
