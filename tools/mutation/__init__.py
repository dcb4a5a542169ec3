"""Mutation testing: does some test fail when the code is wrong? `make mutate`; see docs/mutation.md."""
