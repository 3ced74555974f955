"""What both services do the same as running processes."""
