"""What workers do between iterations: who does it, old weights, events for the webhook."""
