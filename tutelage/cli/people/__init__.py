"""Commands about people: who may use the service, and with whom they learn."""
