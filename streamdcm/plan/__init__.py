"""Every decision that is made before the first byte."""
