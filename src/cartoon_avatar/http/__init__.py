"""What both services do with every request: log it, bound and read its body, render its errors."""
