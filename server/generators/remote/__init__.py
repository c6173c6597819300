"""Generators that call another engine over HTTP."""
