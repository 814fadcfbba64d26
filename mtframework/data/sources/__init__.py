"""The registered data sets, and nothing else."""
