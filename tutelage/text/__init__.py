"""Text as people see it, and as it is compared."""
