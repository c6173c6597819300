"""Moderation: scores of texts by harm category, rules that act on scores, a filter for streams."""
