"""Moderation: what a text is scored for, what a score leads to, and how a stream is filtered."""
