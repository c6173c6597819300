"""OpenAI's formats: chat completions, responses, server-sent events."""
