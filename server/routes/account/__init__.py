"""Routes for the user's own account and session."""
