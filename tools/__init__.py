"""Commands of this repository: set-up, the local stack, tokens, exports. `make help` lists them."""
