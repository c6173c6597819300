"""Bodies of the OpenAI-compatible routes."""
