"""Act on AWS CloudTrail logs: from the SQS queue to your processor, so that no event is lost."""
