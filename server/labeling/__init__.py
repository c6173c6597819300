"""Responses for labelers and blind tests."""
