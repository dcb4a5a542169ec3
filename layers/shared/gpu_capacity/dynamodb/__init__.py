"""The tables: keys, items, writes as values, stores, and the mapping of failures."""
