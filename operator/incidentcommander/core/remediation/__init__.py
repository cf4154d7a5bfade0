"""From a finding to a change of the workload: candidates, proposals, guards, the one patch."""
