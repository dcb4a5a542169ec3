"""Fuzzing of the published interfaces: valid and invalid requests made from schemas, sent to a local stack.

The answers are checked against the service's own OpenAPI document and against the contracts that others
published (`published/`). `schemathesis.toml` configures the fuzzer, `hooks.py` runs in its environment.
"""
