"""The public names are pinned: adding one is a decision, losing one breaks somebody."""

import cloudtrail_processing

PUBLIC = """
ActivityEvent AggregatedEvent AlteredLog AwsOptions BookkeepingError Checkpoint Claim ClaimLost Claimed Clock
CloudTrail CloudTrailEvent CloudTrailProcessingError ConfigurationError CorruptLog Credentials CredentialsError
DeadLetters DigestFile Disposition DynamoCheckpoint EventBatch EventFilter EventProcessor EventVersion
ExceptionHandler Failed Failure FetchedLog Files FolderQuarantine Found Health HealthState Ignored InsightEvent
IntegrityFinding Joined KeyFile KeySource LeaseLost Ledger LogGone LogKind LogObject LogStore LogTooLarge
LoggingReporter MemoryCheckpoint Mirror NetworkActivityEvent NotAllowed Notification NotificationError Outcome Parts
Processed ProcessorError ProgressReporter ProgressState ProgressStatus PublicKeySource Quarantine Queue QueueMessage
Refuse RejectedRecord RejectedRecords Reporters RetryLater S3Keys S3Listing S3Quarantine S3Store SeenEvents Settings
SettingsError Skipped SourceFilter SqliteCheckpoint SqsQueue Stage Stopped Summary TrailingData TransientError
UnlistedLog Unproven UserIdentity Where Worker build log_object process read_events run supervise
""".split()  # noqa: SIM905 - a block of names is easier to read than seventy lines


def test_exactly_these_names_are_public_and_each_can_be_had() -> None:
    assert sorted(cloudtrail_processing.__all__) == PUBLIC
    assert all(getattr(cloudtrail_processing, name) is not None for name in PUBLIC)


def test_importing_the_package_brings_no_aws_client_along() -> None:
    """They take a second to import, and notebooks, tests and --help do without."""
    import subprocess
    import sys

    code = (
        "import sys, cloudtrail_processing; print([m for m in ('boto3', 'aiobotocore', 'obstore') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing_of_it() -> None:
    """What is not used costs nothing: a processor's module needs no settings, and a notebook no worker."""
    import subprocess
    import sys

    code = (
        "import sys, cloudtrail_processing; print([m for m in sys.modules if m.startswith('cloudtrail_processing.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
