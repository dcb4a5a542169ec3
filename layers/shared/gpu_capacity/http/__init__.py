"""From an HTTP request to a use case and back: models, authentication, errors of each API."""
