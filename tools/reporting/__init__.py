"""Saved results of `make prove`, `make fuzz` and `make load`, and the page written from them."""
