"""Analyses of tables larger than memory: sums over files, read as often as a number needs."""
