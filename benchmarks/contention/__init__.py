"""Contention: many concurrent claimants in virtual time, with the real chooser, conditions and retries."""
