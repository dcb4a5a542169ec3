"""DynamoDB for every room: client, writes as values, outcomes, keys, tombstones."""
