"""Training: snapshot, SFT, reward model, PPO, evaluation, gate. Meets the server only on disk."""
