"""One chat turn: request, generation, moderation, storage."""
