"""From frames to instructions: native, encapsulated, or the bit stream of a video."""
