"""HTTP: middleware, errors, authentication, limits, metrics."""
