"""What all kinds of holders share: records, quotas, repeated requests and the start of workflows."""
