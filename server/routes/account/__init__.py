"""Routes for a person's own account and session."""
