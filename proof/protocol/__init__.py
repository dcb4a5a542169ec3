"""A model of how holders will be written: record first, then own, then settle.

It explores every order, crash and late write: ``python -m proof.protocol``. The stores do not follow it yet.
"""
