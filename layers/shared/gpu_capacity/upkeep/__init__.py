"""Keeps the tables consistent: restarts workflows of unsettled records, and checks consistency."""
