"""The kernel that every kind of holder shares: its record, its lives, quotas, repeats and workflows."""
