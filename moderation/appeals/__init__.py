"""Retraining on decided appeals."""
