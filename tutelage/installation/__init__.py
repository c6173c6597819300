"""The installation as a whole: backups, and what is wrong with it."""
