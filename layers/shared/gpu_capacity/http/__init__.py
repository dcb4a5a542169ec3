"""HTTP for all APIs: requests and replies, tokens, pages, rate limits, the table of operations."""
