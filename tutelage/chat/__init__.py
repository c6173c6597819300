"""Conversations, stored completions, appeals, traffic."""
