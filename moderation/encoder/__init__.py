"""The encoder of the embedded classifier: normalisation, windows, MiniLM, lexical features."""
