"""What tests, proof, benchmarks and tools share: stand-ins for AWS, small worlds, stages, and auditors.

It imports the product and nothing else of this repository, so that whoever needs it needs no test.
"""
