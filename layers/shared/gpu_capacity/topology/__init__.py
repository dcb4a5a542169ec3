"""The topology that an organization sees: pods, domains and hosts, and what it has there."""
