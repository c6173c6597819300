"""Users, accounts, quotas, personal data."""
