"""The whole service behind its real handlers, with AWS replaced."""
