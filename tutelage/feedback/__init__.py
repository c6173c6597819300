"""Feedback, the preference data derived from it, and reports of harm."""
