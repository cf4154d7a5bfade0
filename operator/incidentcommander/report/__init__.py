"""Reports: a Postmortem as Markdown and as one HTML page, and figures over many Incidents. Pure."""
