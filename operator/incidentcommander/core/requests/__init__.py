"""What people ask for: reading it, whether it can be believed, what follows."""
