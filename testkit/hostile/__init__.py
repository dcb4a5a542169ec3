"""Bad input and foreign callers: requests, forged tokens, and services with resources of other tenants."""
