"""What the Runbook asks, and what the answers say."""
