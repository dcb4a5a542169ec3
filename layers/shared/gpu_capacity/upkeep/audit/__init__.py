"""The audit: compares all tables with each other and with the providers, and repairs what it can."""
