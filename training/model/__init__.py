"""The policy as a model: frozen trunk and trained top, adapters, tokenizer, checkpoints."""
