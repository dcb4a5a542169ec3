"""Fuzzing of the published interfaces: schema-driven requests, good and bad, against a running local stack.

The service is held to its own OpenAPI document and to the contracts as others published them (`published/`).
`schemathesis.toml` says how, `hooks.py` runs inside the fuzzer's own environment.
"""
