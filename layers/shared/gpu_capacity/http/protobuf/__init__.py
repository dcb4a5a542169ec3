"""Protocol buffers (proto3) from tables: messages as values, on the wire and in JSON."""
