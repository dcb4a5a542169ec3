"""The OpenAPI document and the routes in the template, made from the models and the table of operations.

`python -m tools.openapi` writes `docs/openapi.json` and the routes in `template.yaml`. What the code says
already (paths, methods, fields, patterns, enums) is taken from there; what it does not say (which answers
there are and why) stands in one module for each API. A further API brings such a module and its entry in
`tools.openapi.document.APIS`.
"""
