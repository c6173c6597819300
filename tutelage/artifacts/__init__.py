"""Policies, iterations and filter heads in object storage, with local copies of what is used."""
