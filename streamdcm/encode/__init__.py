"""From a dataset to instructions: elements, sequences, character sets, and what stands before them in a file."""
