"""HTTP for every API: requests and replies, tokens, pages, rate limits, the list of operations."""
