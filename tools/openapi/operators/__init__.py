"""The operators' API in words: a module for each noun, and ``api``, which joins them."""
