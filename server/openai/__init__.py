"""OpenAI's formats: HTTP requests into turn requests, turns into completions, responses, events."""
