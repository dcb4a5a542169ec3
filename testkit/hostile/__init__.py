"""Bad input and strangers: requests, forged tokens, and services that have something to hide."""
