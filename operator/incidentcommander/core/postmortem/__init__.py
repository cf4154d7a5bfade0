"""The Postmortem: its draft from the timeline, what it lacks, what is overdue."""
