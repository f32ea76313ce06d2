"""Codecs: a frame of pixels as a codestream, and back. No library of them is imported before a frame is to be coded."""
