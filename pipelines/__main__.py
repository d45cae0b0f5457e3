"""`python -m pipelines` is `latentlab`."""

from pipelines.cli import main

main()
