"""``validate`` on S3 of the embedded AWS, with CloudTrail's own API beside it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from audited import HOUR, digests, logs, span
from cloudtrails import DENIED, CloudTrailStub, cloudtrail
from commands import invoke
from typer.testing import Result

from cloudtrail_processing.testing import EmbeddedAws, SignedTrail
from cloudtrail_processing.testing.trail import Metadata, Remove

TRAIL = SignedTrail(7, hours=5, logs=1, regions=("us-east-1", "eu-west-1"), bucket="validated")
MOVED = SignedTrail(8, hours=6, logs=1, bucket="written-before", moves={3: "written-now"}, trail="moved")
ORGANIZATION = SignedTrail(
    9,
    hours=3,
    logs=1,
    accounts=("111122223333", "444455556666"),
    bucket="organization",
    prefix="some/where",
    organization="o-exampleorg1",
)
LOG, DIGEST = logs(TRAIL, 3)[0], digests(TRAIL)[4]


@dataclass
class Cloud:
    """Both, and the files of a test."""

    aws: EmbeddedAws
    service: CloudTrailStub
    folder: Path

    def validate(self, target: str, trail: SignedTrail, *arguments: object, last: str | None = None) -> Result:
        first = f"{span(trail).first:%Y-%m-%dT%H:%MZ}"
        times = ("--from", first, "--to", last or f"{span(trail).last:%Y-%m-%dT%H:%MZ}")
        places = ("--s3-endpoint-url", self.aws.url, "--endpoint-url", self.service.url)
        env = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "the secret key"}
        return invoke("validate", target, *times, *places, *arguments, "--threads", "8", env=env)

    def keys(self, trail: SignedTrail) -> tuple[str, Path]:
        path = self.folder / "keys.json"
        path.write_bytes(orjson.dumps(trail.public_keys_document()))
        return "--keys", path

    def store(self, trail: SignedTrail) -> None:
        for bucket in {bucket for bucket, _ in trail.objects}:
            self.aws.create_bucket(bucket)
        for (bucket, key), it in trail.objects.items():
            self.aws.s3.put_object(Bucket=bucket, Key=key, Body=it.body, Metadata=dict(it.metadata))


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with EmbeddedAws() as aws, cloudtrail() as service:
        yield Cloud(aws, service, tmp_path)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_bucket_is_valid_with_keys_from_a_file_and_nobody_else_is_asked(cloud: Cloud) -> None:
    cloud.store(TRAIL)
    run = cloud.validate("s3://validated", TRAIL, "--format", "json", "-v", *cloud.keys(TRAIL))
    assert run.exit_code == 0, run.output
    assert {(it["bucket"], it["key"]) for it in lines(run)[:-1]} == set(TRAIL.objects)
    assert cloud.service.asked == []


def test_keys_are_asked_for_in_the_region_whose_digests_are_proven(cloud: Cloud) -> None:
    cloud.store(TRAIL)
    cloud.service.publish([key for keys in TRAIL.public_keys.values() for key in keys], page=1)
    run = cloud.validate("s3://validated/AWSLogs/", TRAIL)
    assert run.exit_code == 0, run.output
    assert set(cloud.service.regions) == {"us-east-1", "eu-west-1"}
    assert {operation for operation, _ in cloud.service.asked} == {"ListPublicKeys"}


def test_an_object_that_is_forbidden_is_told_and_everything_else_is_proven(cloud: Cloud) -> None:
    cloud.store(TRAIL)
    places = [f"arn:aws:s3:::{bucket}/{key}" for bucket, key in (LOG, DIGEST)]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": places}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    cloud.aws.s3.put_bucket_policy(Bucket="validated", Policy=policy)
    run = cloud.validate("s3://validated", TRAIL, "--format", "json", "-v", *cloud.keys(TRAIL))
    assert run.exit_code == 4, run.output
    found = lines(run)[:-1]
    assert {it["key"] for it in found if it["state"] == "forbidden"} == {LOG[1], DIGEST[1]}
    assert all("allow it in the policies (s3:GetObject" in it["detail"] for it in found if it["state"] == "forbidden")
    assert sum(it["state"] == "valid" for it in found) == len(TRAIL.objects) - 3, "its log is unproven"
    assert "the secret key" not in run.output


def test_metadata_that_are_lost_in_a_copy_are_told(cloud: Cloud) -> None:
    cloud.store(TRAIL.tampered(Metadata(*DIGEST, "signature", None)))
    run = cloud.validate("s3://validated", TRAIL, *cloud.keys(TRAIL))
    assert run.exit_code == 1
    assert "bad signature" in run.stdout
    assert "the object has no signature among its metadata" in run.stdout


def test_a_trail_is_followed_by_its_arn_into_the_bucket_of_before(cloud: Cloud) -> None:
    cloud.store(MOVED)
    cloud.service.describe("written-now", HomeRegion="us-east-1")
    cloud.service.publish(MOVED.public_keys["us-east-1"])
    run = cloud.validate(MOVED.arn, MOVED, "--format", "json", "-v")
    assert run.exit_code == 0, run.output
    assert {(it["bucket"], it["key"]) for it in lines(run)[:-1]} == set(MOVED.objects)


def test_a_trail_that_was_stopped_has_a_gap_and_one_that_logs_has_lost_digests(cloud: Cloud) -> None:
    cloud.store(TRAIL)
    cloud.service.publish([key for keys in TRAIL.public_keys.values() for key in keys])
    end = f"{span(TRAIL).last + 6 * HOUR:%Y-%m-%dT%H:%MZ}"
    cloud.service.describe("validated", is_logging=False, stopped=span(TRAIL).last.timestamp())
    assert cloud.validate(TRAIL.arn, TRAIL, last=end).exit_code == 3
    cloud.service.describe("validated", is_logging=True, stopped=span(TRAIL).last.timestamp())
    run = cloud.validate(TRAIL.arn, TRAIL, last=end)
    assert run.exit_code == 4
    assert "6 digest(s) of the hourly cadence are not there" in run.stdout


def test_a_trail_of_an_organization_is_all_of_its_accounts_and_another_is_its_own_alone(cloud: Cloud) -> None:
    cloud.store(ORGANIZATION)
    cloud.service.publish(ORGANIZATION.public_keys["us-east-1"])
    told = []
    for is_organization, more in ((True, ()), (False, ()), (True, ("--account", "444455556666"))):
        cloud.service.describe("organization", S3KeyPrefix="some/where", IsOrganizationTrail=is_organization)
        run = cloud.validate(ORGANIZATION.arn, ORGANIZATION, "--format", "json", *more)
        assert run.exit_code == 0, run.output
        told.append([place["account"] for place in lines(run)[-1]["summary"]["places"]])
    assert told == [["111122223333", "444455556666"], ["111122223333"], ["444455556666"]]


def test_a_refusal_of_cloudtrail_is_told_with_what_is_needed(cloud: Cloud) -> None:
    cloud.store(TRAIL)
    cloud.service.answers = {"GetTrail": DENIED, "ListPublicKeys": DENIED}
    run = cloud.validate(TRAIL.arn, TRAIL)
    assert run.exit_code == 1
    assert "AccessDeniedException" in run.stderr
    assert "cloudtrail:GetTrail" in run.stderr
    without_keys = cloud.validate("s3://validated", TRAIL)
    assert without_keys.exit_code == 4
    assert without_keys.stdout.count("trail forbidden  111122223333") == 2
    assert "ListPublicKeys" in without_keys.stdout


def test_a_bucket_that_is_not_there_is_told_in_one_line(cloud: Cloud) -> None:
    run = cloud.validate("s3://no-such-bucket", TRAIL, *cloud.keys(TRAIL))
    assert run.exit_code == 4
    assert run.stderr.startswith("the audit broke off: listing s3://no-such-bucket/AWSLogs/ failed: NoSuchBucket")
    assert run.stderr.count("\n") == 1


def test_an_empty_bucket_has_nothing_to_validate(cloud: Cloud) -> None:
    cloud.store(TRAIL.tampered(*(Remove(*place) for place in list(TRAIL.objects)[1:])))
    run = cloud.validate("s3://validated/elsewhere", TRAIL, *cloud.keys(TRAIL))
    assert run.exit_code == 5
