"""The reward model: preferences, features, head, training, validation."""
