"""What the two services agree on."""
