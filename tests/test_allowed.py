import pytest

from cloudtrail_processing.allowed import Allowed
from cloudtrail_processing.errors import NotAllowed, SettingsError
from cloudtrail_processing.flow import LogKind, LogObject
from cloudtrail_processing.keys import log_object

ACCOUNT, OTHER = "111122223333", "444455556666"
INLINE = LogObject(bucket="", key="message/42", kind=LogKind.EVENTS)


def log_of(account: str = ACCOUNT, *, bucket: str = "trail", organization: str = "") -> LogObject:
    folder = f"{organization}/{account}" if organization else account
    name = f"{account}_CloudTrail_eu-west-1_20260101T0005Z_abcdefgh12345678.json.gz"
    return log_object(bucket, f"AWSLogs/{folder}/CloudTrail/eu-west-1/2026/01/01/{name}")


def event_of(account: str | None) -> bytes:
    member = "" if account is None else f',"recipientAccountId":"{account}"'
    return f'{{"eventVersion":"1.11"{member},"requestParameters":{{"recipientAccountId":"{ACCOUNT}"}}}}'.encode()


def passes(allowed: Allowed, log: LogObject, *inline: bytes) -> bool:
    """True when nothing was raised."""
    allowed.check(log, inline=inline)
    return True


def refused(allowed: Allowed, log: LogObject, *inline: bytes) -> str:
    with pytest.raises(NotAllowed) as caught:
        allowed.check(log, inline=inline)
    return str(caught.value)


def test_nothing_limited_allows_everything_and_warns() -> None:
    allowed = Allowed()
    for log in (log_of(), log_object("any", "key"), log_object("any", "")):
        assert passes(allowed, log)
    assert passes(allowed, INLINE, event_of(None))
    (warning,) = allowed.warnings()
    assert "allowed_buckets is not set" in warning


def test_limited_buckets_need_no_warning_and_limited_accounts_do() -> None:
    assert Allowed(buckets=["trail"]).warnings() == []
    assert Allowed(accounts=[ACCOUNT]).warnings()


@pytest.mark.parametrize("pattern", ["trail", "tr*", "*", "*ai*", "other-*,trail"])
def test_a_bucket_that_is_named_or_matches_is_allowed(pattern: str) -> None:
    assert passes(Allowed(buckets=pattern.split(",")), log_of())


@pytest.mark.parametrize("bucket", ["trail2", "my-trail", "Trail", "trai", "trail.evil", "trail\n", "[trail]", "t.ail"])
def test_another_bucket_is_refused_however_alike(bucket: str) -> None:
    assert refused(Allowed(buckets=["trail"]), log_of(bucket=bucket))


def test_a_dot_and_brackets_in_a_pattern_are_themselves() -> None:
    allowed = Allowed(buckets=["my.trail-*", "[a]*"])
    assert passes(allowed, log_of(bucket="my.trail-1"))
    assert refused(allowed, log_of(bucket="my-trail-1"))
    assert refused(allowed, log_of(bucket="a"))


def test_the_refusal_says_what_was_named_which_setting_refused_it_and_what_became_of_it() -> None:
    text = refused(Allowed(buckets=["trail"]), log_of(bucket="evil"))
    assert "s3://evil/AWSLogs/111122223333" in text
    assert "'evil' is not in allowed_buckets" in text
    assert "nothing was asked of AWS and the message is kept" in text
    text = refused(Allowed(accounts=[OTHER]), log_of())
    assert f"account '{ACCOUNT}' is not in allowed_accounts" in text
    text = refused(Allowed(organizations=["o-other12345"]), log_of(organization="o-abcdefghij"))
    assert "organization 'o-abcdefghij' is not in allowed_organizations" in text


def test_every_limit_has_to_be_met() -> None:
    allowed = Allowed(buckets=["trail"], accounts=[ACCOUNT], organizations=["o-abc*"])
    assert passes(allowed, log_of(organization="o-abcdefghij"))
    assert refused(allowed, log_of(organization="o-abcdefghij", bucket="other"))
    assert refused(allowed, log_of(OTHER, organization="o-abcdefghij"))
    assert refused(allowed, log_of(organization="o-xyzxyzxyzx"))


def test_a_key_that_does_not_tell_is_refused_where_that_is_limited() -> None:
    unknown = log_object("trail", "copies/log.json.gz")
    assert passes(Allowed(buckets=["trail"]), unknown)
    assert "does not tell its account" in refused(Allowed(accounts=["*"]), unknown)
    assert "does not tell its organization" in refused(Allowed(organizations=["*"]), log_of())


def test_a_key_names_one_account_only_and_folders_go_before_names() -> None:
    """Bucket policies guard folders: a file named after an allowed account must not pass in another's folder."""
    log = log_of(OTHER)
    posing = log_object("trail", log.key.replace(f"/{OTHER}_", f"/{ACCOUNT}_"))
    assert refused(Allowed(accounts=[ACCOUNT]), posing)


def test_a_key_with_a_line_break_cannot_write_a_log_line_and_a_long_one_is_cut() -> None:
    text = refused(Allowed(buckets=["trail"]), log_object("evil\nERROR x", "k\r\n" + "x" * 5000))
    assert len(text.splitlines()) == 1
    assert len(text) < 2000


def test_a_file_on_disk_was_named_by_the_operator() -> None:
    assert passes(
        Allowed(buckets=["trail"], accounts=[OTHER], organizations=["o-*"]), log_object("", "/logs/a.json.gz")
    )


def test_records_inside_a_message_lie_in_no_bucket_and_are_refused_where_buckets_are_limited() -> None:
    assert "allowed_buckets" in refused(Allowed(buckets=["*"]), INLINE, event_of(ACCOUNT))
    assert "allowed_organizations" in refused(Allowed(organizations=["*"]), INLINE, event_of(ACCOUNT))


def test_records_inside_a_message_name_their_account_each() -> None:
    allowed = Allowed(accounts=[ACCOUNT])
    assert passes(allowed, INLINE, event_of(ACCOUNT), event_of(ACCOUNT))
    assert f"'{OTHER}' is not in allowed_accounts" in refused(allowed, INLINE, event_of(ACCOUNT), event_of(OTHER))


@pytest.mark.parametrize(
    "record", [event_of(None), b'{"recipientAccountId":111122223333}', b"[]", b"", b"{", b"[" * 10**6, b'{"a":"\xff"}']
)
def test_a_record_that_tells_no_account_is_refused_where_accounts_are_limited(record: bytes) -> None:
    assert "does not tell its account" in refused(Allowed(accounts=["*"]), INLINE, record)


@pytest.mark.parametrize("account", ["12345678901", "1234567890123", "account", "\uff11" * 12, ""])
def test_an_account_that_cannot_be_one_is_a_mistake_in_the_settings(account: str) -> None:
    with pytest.raises(SettingsError, match="allowed_accounts"):
        Allowed(accounts=[account])


def test_an_empty_name_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(SettingsError, match="allowed_buckets"):
        Allowed(buckets=[""])


def test_a_pattern_of_many_stars_takes_no_time_on_a_long_name() -> None:
    assert refused(Allowed(buckets=["*a" * 40 + "b"]), log_of(bucket="a" * 100_000))


@pytest.mark.parametrize(
    ("allowed", "name"),
    [
        (Allowed(buckets=["*"]), "bucket"),
        (Allowed(organizations=["*"]), "organization"),
        (Allowed(accounts=["*"]), "account"),
    ],
    ids=["bucket", "organization", "account"],
)
def test_a_refusal_is_one_sentence_for_the_operator(allowed: Allowed, name: str) -> None:
    assert refused(allowed, INLINE, event_of(None)) == (
        f"message/42: does not tell its {name}, and allowed_{name}s is set; nothing was asked of AWS and the message "
        f"is kept: if it is yours, add its {name} to allowed_{name}s, else find out who may send to the queue"
    )


def test_a_long_name_is_cut_in_the_refusal() -> None:
    assert f"bucket {'b' * 64!r} is not in allowed_buckets" in refused(Allowed(buckets=["x"]), log_of(bucket="b" * 65))


def test_a_limit_that_could_match_nothing_is_refused_with_the_name_of_its_setting() -> None:
    with pytest.raises(SettingsError, match=r"^allowed_buckets takes a text"):
        Allowed(buckets=[""])
    with pytest.raises(SettingsError, match=r"^allowed_organizations takes a text"):
        Allowed(organizations=[""])
    with pytest.raises(SettingsError) as caught:
        Allowed(accounts=["1" * 65])
    assert str(caught.value) == f"allowed_accounts: {'1' * 64!r} is no account: twelve digits, or a pattern"
