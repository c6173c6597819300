"""Iterations as jobs, their schedule, and whether there is enough feedback."""
