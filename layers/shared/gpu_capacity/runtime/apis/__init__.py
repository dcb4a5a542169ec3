"""Lambda handlers of each HTTP API."""
