"""The embedded classifier's view of a text: normalisation, windows, MiniLM, lexical features."""
