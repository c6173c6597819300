"""One feedback iteration: lease, stages, publication."""
