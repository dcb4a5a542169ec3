"""The OpenAPI document and the routes in the template, made from the models and the table of operations.

`python -m tools.openapi` writes `docs/openapi.json` and the routes in `template.yaml`. Paths, methods,
fields, patterns and enums come from the code; one module for each API describes the answers. A new API needs
such a module and an entry in `tools.openapi.document.APIS`.
"""
