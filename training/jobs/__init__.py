"""What a worker does: run iterations, maintenance, reproduction, scoring."""
