"""The HTTP API: OpenAI-compatible chat, feedback, conversations, labeling, administration."""
