"""Accounts of the VM API: subjects of organizations, with their SSH keys and API keys."""
