"""Labeling tasks, which prompts they ask about, and how far labelers agree."""
