"""Cartoon avatars: a backend that keeps pictures and an AI service that draws them."""
