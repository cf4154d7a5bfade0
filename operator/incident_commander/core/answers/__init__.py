"""What each request does, by what it is about; ``answer`` finds it by its key."""
