"""What every room needs of DynamoDB: client, writes as values, outcomes, keys, tombstones."""
