"""The demonstration: simulated users with a known taste teach a fresh service."""
