"""One write, from its arguments to its result: sources are read, operations performed, targets committed."""
