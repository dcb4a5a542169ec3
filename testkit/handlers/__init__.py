"""The service with its real handlers, and fakes of AWS."""
