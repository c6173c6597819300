"""Proximal policy optimisation: rollouts, experience, update, selection of the best policy."""
