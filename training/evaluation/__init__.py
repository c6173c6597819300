"""Evaluation of a candidate against the current policy, and the gate."""
