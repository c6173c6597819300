"""tutelage: a chat assistant that is taught by the people who use it."""

__version__ = "0.1.0"
