"""Writes the generated half of the Python client from docs/openapi.json: models and methods.

The models are made by datamodel-code-generator, as typed dictionaries, which cost nothing at run time. A
method for each operation is made here, since generators of whole clients cost more time at every start than
a command line has, and leave out responses whose schemas differ in nothing but the case of their names.
"""
