"""The benchmarks of `make bench`: cost, contention, placement quality and speed, each with a reference."""
