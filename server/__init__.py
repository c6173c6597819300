"""The HTTP API: chat completions in OpenAI's shapes, feedback, conversations, operation."""
