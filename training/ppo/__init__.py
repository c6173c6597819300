"""Proximal policy optimisation: start with ``trainer.PPO.step``, which names the steps."""
