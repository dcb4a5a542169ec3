"""Accounts of the VM API: a user of an organization, with SSH keys and API keys."""
