"""What holders use: GPUs held, second by second, and what that costs."""
