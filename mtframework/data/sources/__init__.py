"""The registered data sets, one a file, and nothing else."""
