"""The public names are pinned: adding one is a decision, losing one breaks somebody."""

import cloudtrail_processing

PUBLIC = """
ActivityEvent AggregatedEvent AwsOptions Clock CloudTrailEvent CloudTrailProcessingError ConfigurationError CorruptLog
Credentials DigestFile Disposition EventBatch EventFilter EventProcessor EventVersion ExceptionHandler Failed Failure
FetchedLog Files Ignored InsightEvent KeySource LeaseLost LogGone LogKind LogObject LogStore LogTooLarge LoggingReporter
NetworkActivityEvent Notification NotificationError Outcome Parts Processed ProcessorError ProgressReporter
ProgressState ProgressStatus Quarantine Queue QueueMessage Refuse RejectedRecord RejectedRecords Reporters RetryLater
S3Keys S3Store Settings SettingsError Skipped SourceFilter SqsQueue Stage Stopped Summary TransientError UserIdentity
Where Worker build log_object process read_events run
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
