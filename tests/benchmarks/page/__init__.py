"""The benchmark page: one command measures all its figures and draws them, ``python -m tests.benchmarks.page``."""
