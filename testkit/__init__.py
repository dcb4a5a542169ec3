"""Shared by tests, proof, benchmarks and tools: fakes of AWS, in-memory services, stages and the auditor.

It imports the product and nothing else of this repository, so that its users do not depend on tests.
"""
