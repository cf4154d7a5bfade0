"""What is shown: pure functions from an Incident's JSON and the time to lines of text."""
