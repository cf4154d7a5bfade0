"""What outsiders must not read: 45 phrases that speculate, 45 that say what users see."""

from __future__ import annotations

import pytest

from incidentcommander.core.communication.speculation import speculative

SPECULATIVE = {
    "Checkout fails due to a database outage": "due to",
    "Login is slow because the cache was flushed": "because",
    "Because of heavy load some pages are slow": "Because of",
    "The outage, caused by a vendor, is over": "caused by",
    "It is caused, we hear, upstream": "is caused",
    "The root cause is known": "root cause",
    "Root-cause analysis is under way": "Root-cause",
    "The cause is an expired certificate": "cause is",
    "The cause was a full disk": "cause was",
    "Overload is the likely cause": "likely cause",
    "A full disk is the suspected cause": "suspected cause",
    "This was triggered by a change": "triggered by",
    "The failures result from a network split": "result from",
    "Errors resulted from a failover": "resulted from",
    "This is a result of maintenance": "a result of",
    "The delays are a consequence of the migration": "a consequence of",
    "The errors stem from our payment provider": "stem from",
    "The problem originates in our data centre": "originates in",
    "We traced it back to the load balancer": "traced it back to",
    "The errors are attributed to DNS": "attributed to",
    "Owing to a mistake some mails were sent twice": "Owing to",
    "Payments fail thanks to a provider": "thanks to a",
    "On account of a storm the site is slow": "On account of",
    "A failed switch led to timeouts": "led to",
    "It comes down to one server": "comes down to",
    "The reason is a broken cable": "The reason is",
    "This is explained by the traffic": "explained by",
    "The culprit was found": "culprit",
    "Our provider is at fault": "at fault",
    "A faulty disk was replaced": "faulty",
    "We blame the network": "blame",
    "Human error is not excluded": "Human error",
    "A misconfigured firewall dropped requests": "misconfigured",
    "We are rolling back last night's work and the latest release": "latest release",
    "A bad deploy broke search": "bad deploy",
    "The recent change is being reverted": "recent change",
    "The bug was introduced by our team": "introduced by",
    "There is a bug in the mobile app": "a bug in",
    "A memory leak makes pages slow": "memory leak",
    "We think that search is overloaded": "We think",
    "We believe it is the network": "We believe",
    "We suspect the database": "We suspect",
    "It is probably the CDN": "probably",
    "This is most likely a DNS problem": "likely",
    "Apparently a server died": "Apparently",
    "Perhaps it is the weather": "Perhaps",
    "Maybe our provider has trouble": "Maybe",
    "It might be a network problem": "might be a",
    "It could be related to the update": "could be related",
    "It seems to be the firewall": "seems to be",
    "It looks like an attack": "looks like",
    "One hypothesis is overload": "hypothesis",
    "The problem is related to our storage": "is related to",
    "It DUE  TO\nload": "DUE TO",
}

HARMLESS = (
    "Some payments fail",
    "About a tenth of customers cannot log in",
    "We are investigating",
    "We are aware of failing payments",
    "A fix is being applied",
    "A fix is in place and we are watching it",
    "Checkout is slow for customers in Europe",
    "Search returns no results",
    "Orders placed before 08:00 UTC are not affected",
    "No data was lost",
    "The next update follows at 08:45 UTC",
    "Payments work again",
    "Please try again in a few minutes",
    "Card payments fail, bank transfers work",
    "We are sorry for the inconvenience",
    "Uploads take longer than usual",
    "Thanks for your patience",
    "Thank you to everybody who reported it",
    "Our engineers are working on it",
    "Some customers could be charged twice; we will refund them",
    "Pages may be slow",
    "Messages might be delayed by up to ten minutes",
    "The error rate is down to 1 %",
    "All systems operate normally",
    "We are still looking into it",
    "The cause is not known yet",
    "The cause is still unknown",
    "Users see an error page when they pay",
    "The mobile app cannot connect",
    "You do not need to do anything",
    "Your data is safe",
    "The default currency is shown in place of yours",
    "Invoices are delayed and will be sent today",
    "We have identified the issue and are working on a fix",
    "Service is restored for most customers",
    "We keep watching for thirty minutes",
    "Sign-in by e-mail works",
    "The status page shows all components",
    "Reports for November are incomplete",
    "The dashboard shows old figures",
    "Calls to the API return status 503",
    "Deployments that you start yourself are queued",
    "Support answers at the usual times",
    "Exports of releases take longer",
    "The team responsible for payments is on it",
)


@pytest.mark.parametrize(("text", "words"), SPECULATIVE.items())
def test_what_speculates_is_found_with_its_words(text: str, words: str) -> None:
    assert speculative(text) == words


@pytest.mark.parametrize("text", HARMLESS)
def test_what_says_only_what_users_see_is_let_through(text: str) -> None:
    assert speculative(text) is None


def test_there_are_enough_of_both() -> None:
    assert min(len(SPECULATIVE), len(HARMLESS)) >= 40
