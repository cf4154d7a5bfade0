"""Where kopf ends: its events only wake the runner. Nothing else may import kopf."""
