"""The web UI's static files and the API reference pages."""
