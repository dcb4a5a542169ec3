"""The history of a holder in the APIs."""
