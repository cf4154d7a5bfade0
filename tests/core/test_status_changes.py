"""The typed changes name exactly the fields that there are."""

from __future__ import annotations

from typing import get_type_hints

from incidentcommander.api.incident import IncidentStatus, Proposal
from incidentcommander.core.status_changes import ProposalChanges, StatusChanges

BY_EVOLVE = {"phase", "timeline"}
BY_DERIVE = {"conditions", "observed_generation"}


def test_every_field_of_a_status_may_be_changed_but_what_is_written_in_one_place() -> None:
    fields = set(IncidentStatus.model_fields)

    assert set(get_type_hints(StatusChanges)) == fields - BY_EVOLVE - BY_DERIVE


def test_what_changes_of_a_proposal_is_a_field_of_it() -> None:
    assert set(get_type_hints(ProposalChanges)) < set(Proposal.model_fields)
