"""Several runs on one page: which settings to take, and how sure that is."""
