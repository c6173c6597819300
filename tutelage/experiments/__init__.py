"""Trials of policies: routing, outcomes, sequential tests, leaderboard."""
