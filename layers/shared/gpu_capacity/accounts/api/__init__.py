"""The part of the VM API about accounts, and the credentials that the VM API accepts."""
