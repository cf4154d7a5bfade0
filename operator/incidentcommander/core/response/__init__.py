"""The people: severity, roles, escalation, and what is due by the clock."""
