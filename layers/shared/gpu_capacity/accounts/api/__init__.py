"""What the VM API offers about accounts, and the credentials it accepts."""
