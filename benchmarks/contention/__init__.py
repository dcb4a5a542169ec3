"""Contention: many claimants at once, in virtual time, over the real chooser, conditions and retries."""
