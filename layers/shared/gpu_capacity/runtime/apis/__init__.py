"""Builders of the Lambda handlers of each HTTP API."""
