"""What arrives, byte by byte, and why it did not: against real servers, without any secret shown."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from incidentcommander.api.notices import NoticeKind
from incidentcommander.gateways.channels.apprise import Notifier
from incidentcommander.gateways.channels.failures import Complaints
from incidentcommander.gateways.channels.services import KNOWN, Service
from incidentcommander.gateways.channels.urls import ChannelError
from incidentcommander.observed.workloads import Sent
from tests.support.desk import notice
from tests.support.sinks import HttpSink, MailSink, Posted, free_port

ID = "checkout-5xx-0001"
NOBODY: frozenset[str] = frozenset()


class Urls:
    """In place of the Secret."""

    def __init__(self, *urls: str) -> None:
        self.given = urls

    async def namespaces(self, channel: str) -> None:
        """Nothing is said."""

    async def urls(self, channel: str) -> tuple[str, ...]:
        if not self.given:
            raise ChannelError(f"the Secret ops/channels has no key {channel}")
        return self.given


async def send(
    *urls: str,
    kind: NoticeKind = NoticeKind.UPDATE,
    done: frozenset[str] = NOBODY,
    within: float = 30,
) -> Sent:
    notifier = Notifier(Urls(*urls), within, home="ops", outward=tuple)  # type: ignore[arg-type]
    return await notifier.send("pager", notice(1, kind=kind), done)


def significant(posted: Posted) -> dict[str, str]:
    """The headers that say something of the notice."""
    dull = {"Host", "Accept", "Accept-Encoding", "Connection", "Content-Length"}
    return {key: value for key, value in posted.headers.items() if key not in dull}


# --- what arrives --------------------------------------------------------------------------------


async def test_json(http: HttpSink) -> None:
    sent = await send(f"json://user:opensesame@{http.host}/hook/?+X-Team=ops&:team=shop")

    (posted,) = http.got
    assert sent.problem == ""
    assert posted.path == "/hook/"
    assert significant(posted) == {
        "User-Agent": "Incident Commander",
        "Content-Type": "application/json",
        "Idempotency-Key": ID,
        "X-Team": "ops",
        "Authorization": "Basic dXNlcjpvcGVuc2VzYW1l",
    }
    assert posted.body == (
        b'{"version": "1.0", "title": "[SEV2] Checkout returns 5xx", "message": "STATUS: '
        b'Diagnosing | IMPACT: <b>30 %</b> & more\\nNEXT UPDATE: 08:45 UTC", "attachments": [], '
        b'"type": "info", "id": "checkout-5xx-0001", "team": "shop"}'
    )


async def test_form(http: HttpSink) -> None:
    assert (await send(f"form://{http.host}/")).problem == ""

    (posted,) = http.got
    assert posted.headers["Idempotency-Key"] == ID
    assert posted.body == (
        b"version=1.0&title=%5BSEV2%5D+Checkout+returns+5xx&message=STATUS%3A+Diagnosing+%7C+"
        b"IMPACT%3A+%3Cb%3E30+%25%3C%2Fb%3E+%26+more%0ANEXT+UPDATE%3A+08%3A45+UTC&type=info&"
        b"id=checkout-5xx-0001"
    )


async def test_a_chat_that_takes_the_hooks_of_slack(http: HttpSink) -> None:
    assert (await send(f"mmost://{http.host}/hooktoken123")).problem == ""

    (posted,) = http.got
    assert posted.path == "/hooks/hooktoken123"
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.body == (
        b'{"text": "[SEV2] Checkout returns 5xx\\r\\nSTATUS: Diagnosing | IMPACT: <b>30 %</b> & '
        b'more\\nNEXT UPDATE: 08:45 UTC\\n\\nNotice checkout-5xx-0001", "username": '
        b'"Incident Commander"}'
    )


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7",
    ],
)
async def test_slack(url: str, http: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{http.host}/services")

    assert (await send(url, kind=NoticeKind.RESOLVED)).problem == ""

    (posted,) = http.got
    assert posted.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
    said = re.sub(rb', "ts": [0-9.]+', b"", posted.body)
    # Slack wants these three characters escaped, and shows them as they were.
    assert said == (
        b'{"mrkdwn": false, "attachments": [{"title": "[SEV2] Checkout returns 5xx", "text": '
        b'"STATUS: Diagnosing | IMPACT: &lt;b&gt;30 %&lt;/b&gt; &amp; more\\nNEXT UPDATE: 08:45 '
        b'UTC\\n\\nNotice checkout-5xx-0001", "color": "#3AA337", "footer": "Incident Commander"}]}'
    )


async def test_mail(mail: MailSink) -> None:
    sent = await send(
        f"mailto://127.0.0.1:{mail.port}/?from=ic@shop.example&to=oncall@shop.example"
    )

    assert sent.problem == ""
    (got,) = mail.got
    assert (got.sender, got.recipients) == ("ic@shop.example", ("oncall@shop.example",))
    text = re.sub(rb"(?m)^(Message-ID|Date): .*\r\n", rb"\1\r\n", got.raw)
    assert text == (
        b'Content-Type: text/plain; charset="utf-8"\r\n'
        b"MIME-Version: 1.0\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"X-Application: Incident Commander\r\n"
        b"X-Incident-Commander-Notice: checkout-5xx-0001\r\n"
        b"Subject: [SEV2] Checkout returns 5xx\r\n"
        b"From: ic@shop.example\r\n"
        b"To: oncall@shop.example\r\n"
        b"Message-ID\r\nDate\r\n"
        b"\r\n"
        b"STATUS: Diagnosing | IMPACT: <b>30 %</b> & more\r\nNEXT UPDATE: 08:45 UTC\r\n"
    )


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (NoticeKind.FIRST, "info"),
        (NoticeKind.UPDATE, "info"),
        (NoticeKind.ESCALATION, "warning"),
        (NoticeKind.POSTMORTEM_DUE, "info"),
        (NoticeKind.RESOLVED, "success"),
    ],
)
async def test_the_kind_shows(kind: NoticeKind, word: str, http: HttpSink) -> None:
    await send(f"json://{http.host}/", kind=kind)

    assert json.loads(http.got[0].body)["type"] == word


async def test_all_addresses_of_a_channel_get_it_and_those_that_have_it_are_left_out(
    http: HttpSink,
) -> None:
    http.codes = [200, 500]
    urls = [f"json://{http.host}/one", f"json://{http.host}/two"]

    first = await send(*urls)
    second = await send(*urls, done=first.done)

    assert first.problem == f"HTTP 500 from {http.host}"
    assert second.problem == ""
    assert [p.path for p in http.got] == ["/one", "/two", "/two"]


# --- what does not -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 413, 429, 500, 502, 503])
async def test_an_answer_that_is_no_success_is_given_as_it_is(code: int, http: HttpSink) -> None:
    http.code = code

    assert (await send(f"json://{http.host}/S3cretPath")).problem == f"HTTP {code} from {http.host}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(code: int, http: HttpSink) -> None:
    http.code = code

    sent = await send(f"json://{http.host}/")

    assert sent.problem == (
        f"HTTP {code} from {http.host}: it leads elsewhere, which is not followed"
    )
    assert [p.path for p in http.got] == ["/"]


async def test_a_server_that_hangs_costs_its_time_out(http: HttpSink) -> None:
    http.hold.clear()

    sent = await send(f"json://{http.host}/", within=0.2)

    assert sent.problem == "no answer within 0.2 s"


async def test_a_channel_whose_every_thread_hangs_is_not_tried(http: HttpSink) -> None:
    http.hold.clear()
    notifier = Notifier(Urls(f"json://{http.host}/?rto=30"), 0.2, home="ops", outward=tuple)  # type: ignore[arg-type]

    tries = [await notifier.send("pager", notice(n), NOBODY) for n in range(5)]

    assert {t.problem for t in tries[:4]} == {"no answer within 0.2 s"}
    assert tries[4].problem == "not tried: 4 earlier tries have had no answer in 0.2 s"


async def test_nobody_listens() -> None:
    port = free_port()

    sent = await send(f"json://127.0.0.1:{port}/S3cretPath")

    assert sent.problem == f"cannot connect to 127.0.0.1:{port}: Connection refused"


async def test_a_name_that_does_not_resolve() -> None:
    sent = await send("jsons://hooks.invalid/S3cretPath")

    assert sent.problem.startswith("cannot connect to hooks.invalid: ")
    assert "S3cret" not in sent.problem


async def test_tls_with_a_server_that_speaks_none(http: HttpSink) -> None:
    sent = await send(f"jsons://{http.host}/S3cretPath")

    assert sent.problem.startswith(f"no TLS with {http.host}: ")
    assert "S3cret" not in sent.problem


@pytest.mark.parametrize(
    ("answer", "words"),
    [("550 no such user", "refuses a recipient: 550"), ("451 later", "refuses a recipient: 451")],
)
async def test_a_recipient_that_is_refused(answer: str, words: str, mail: MailSink) -> None:
    mail.refused["oncall@shop.example"] = answer

    sent = await send(
        f"mailto://127.0.0.1:{mail.port}/?from=ic@shop.example&to=oncall@shop.example"
    )

    assert sent.problem == f"127.0.0.1:{mail.port} {words}"
    assert mail.got == []


async def test_a_mail_that_is_refused(mail: MailSink) -> None:
    mail.answer = "552 too much"

    sent = await send(
        f"mailto://127.0.0.1:{mail.port}/?from=ic@shop.example&to=oncall@shop.example"
    )

    assert sent.problem == f"127.0.0.1:{mail.port} answered 552"


async def test_a_login_that_is_refused(mail: MailSink) -> None:
    at = f"127.0.0.1:{mail.port}/?from=ic@shop.example&to=oncall@shop.example"

    assert (await send(f"mailto://ic:wrongword@{at}")).problem == (
        f"127.0.0.1:{mail.port} refuses the login: 535"
    )
    assert (await send(f"mailto://ic:opensesame@{at}")).problem == ""


@pytest.mark.parametrize(
    "url",
    ["S3cretWord", "nothing://S3cretWord", "json://", "slack://S3cretWord", "http://[S3cretWord"],
)
async def test_what_is_no_url_of_apprise(url: str) -> None:
    sent = await send(url)

    assert sent.problem == "a value of the key pager is no Apprise URL"


async def test_a_channel_that_leads_nowhere() -> None:
    assert (await send()).problem == "the Secret ops/channels has no key pager"


# --- secrets -------------------------------------------------------------------------------------

LEAKY: Sequence[str] = (
    "json://S3cretUser:S3cretWord@{host}/S3cretPath/?token=S3cretArg&+X-Key=S3cretHeader",
    "jsons://S3cretUser:S3cretWord@{host}/S3cretPath/",
    "form://{host}/S3cretPath/",
    "xml://{host}/S3cretPath/",
    "mmost://{host}/S3cretPath12345",
    "ntfy://S3cretUser:S3cretWord@{host}/S3cretPath",
    "gotify://{host}/S3cretPath12345",
    "rocket://S3cretUser:S3cretWord@{host}/#S3cretPath",
    "discord://S3cretPath12345/S3cretWord67890",
    "tgram://123456789:S3cretWordabcdefghijklmnopqrstuvwx/12315544",
    "mailto://S3cretUser:S3cretWord@{host}/?from=ic@shop.example&to=S3cretPath@shop.example",
    "mailtos://S3cretUser:S3cretWord@{host}/?from=ic@shop.example&to=a@shop.example",
    "twilio://AC0123456789abcdef0123456789abcdef:S3cretWord@+15551234567/+15551234568",
    "S3cretWord://{host}",
)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that the operator would log at its loudest. (caplog hears what goes nowhere, too.)"""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    ("url", "code"),
    # A mail server that speaks HTTP is only waited for.
    [(url, code) for url in LEAKY for code in (0, 404, 302) if code == 0 or url[:4] != "mail"],
)
async def test_nothing_of_a_url_but_its_host_comes_out(
    url: str,
    code: int,
    http: HttpSink,
    logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What leads outside goes nowhere.
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    http.code = code
    if code == 0:
        http.stop()

    sent = await send(url.format(host=http.host))

    assert sent.problem
    out, err = capfd.readouterr()
    for text in (sent.problem, logged.getvalue(), out, err, repr(sent)):
        assert "s3cret" not in text.lower()
        assert "0123456789" not in text


def test_words_of_apprise_are_masked_where_there_is_nothing_better() -> None:
    url = "tgram://bottoken/chat"
    heard = Complaints(
        words=["bad bottoken at https://x.example/y for chat AbCdEfGhIjKlMnOpQrStUvWxYz, sorry"]
    )

    assert heard.sentence("Telegram", url) == (
        "Telegram did not take it: bad … at … for … …, sorry"
    )
    assert Complaints().sentence("Telegram", url) == ("Telegram did not take it, and said no more")


# --- what is loaded ------------------------------------------------------------------------------


def test_each_service_that_is_loaded_alone_is_the_one_that_apprise_would_load() -> None:
    from apprise.plugins import N_MGR

    for schema, (module, name) in KNOWN.items():
        found = N_MGR[schema]
        assert (found.__module__, found.__name__.lower()) == (
            f"apprise.plugins.{module}" if schema[:6] != "mailto" else found.__module__,
            name.lower(),
        )
    assert Service("json://127.0.0.1/").name == "127.0.0.1"


def test_the_services_are_loaded_one_by_one() -> None:
    code = (
        "import sys\n"
        "import incidentcommander.gateways.channels.apprise as n, incidentcommander.main\n"
        "assert not [m for m in sys.modules if m.startswith('apprise')]\n"
        "n.Service('json://127.0.0.1/')\n"
        "n.Service('slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7')\n"
        "n.Service('https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7')\n"
        "print(*sorted(m for m in sys.modules if m.startswith('apprise.plugins.')))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [
        f"apprise.plugins.{name}" for name in ("base", "custom_json", "slack")
    ]
