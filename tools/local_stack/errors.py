"""What stops the launcher."""


class LaunchError(Exception):
    """The local stack cannot start or go on; the message is all that the user sees, so it says what to do."""
