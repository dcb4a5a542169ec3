"""What `make bench` measures: cost, contention, placement quality, speed, each beside its anchor."""
