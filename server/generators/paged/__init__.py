"""The engine that computes a policy with transformers, over blocks of keys and values."""
