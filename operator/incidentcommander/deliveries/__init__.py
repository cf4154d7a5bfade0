"""Deliveries of notices to channels: what to try when (pure), and the postman that does it."""
