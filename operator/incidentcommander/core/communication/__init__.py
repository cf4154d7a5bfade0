"""What people are told: inside, outside, and the outbox until it was taken."""
