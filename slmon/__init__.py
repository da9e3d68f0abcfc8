"""slmon: the exact service-level monitor for telephones."""

__version__ = "0.1.0"
