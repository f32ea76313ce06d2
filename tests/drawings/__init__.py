"""The drawings of the documentation: ``python -m tests.drawings`` writes docs/pictures/*.svg."""
