"""One duty each: Incidents, Postmortems, retention. Loops that read, decide, save and act."""
