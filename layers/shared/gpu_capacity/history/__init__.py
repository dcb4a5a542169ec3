"""What happened to holders: events for customers, their history, and the bus that tells others."""
