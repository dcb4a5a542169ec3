"""What the commands that prove something have found, and the page that is written from it."""
