"""Where an iteration runs: behind one protocol."""
