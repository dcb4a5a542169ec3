"""What keeps the tables consistent: restarts of what was left unsettled, and the audit."""
