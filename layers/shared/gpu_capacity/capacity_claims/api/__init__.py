"""The capacity claims API: bodies, replies and errors."""
