"""The documentation site, built and looked at in a real browser: ``python -m tests.site``."""
