"""Generators: what turns a conversation into a stream of tokens of one policy."""
