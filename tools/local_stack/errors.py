"""The launcher's error."""


class LaunchError(Exception):
    """The local stack cannot start or continue. The user sees only the message, so it says what to do."""
