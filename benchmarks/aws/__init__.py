"""A simulated AWS for measurements: SQS and S3 from memory, in one small fast process, with latency as it is in life.

``python -m benchmarks.aws --logs FOLDER`` serves the bodies ``000000.json.gz``, ``000001.json.gz``, … of the folder,
over and over, as the objects of one bucket, and one queue with its dead-letter queue. It answers what boto3,
aiobotocore, obstore and the Java SDK ask while they read logs, and does not look at signatures. Under ``/_control/`` it
takes what a measurement orders and tells what the clients did; ``benchmarks.aws.running`` starts it and asks it.

``python -m benchmarks.aws --layout FILE`` serves the buckets of a ``benchmarks.aws.layout`` instead, with CloudTrail
beside them: that is what a trail is proven against.

``python -m benchmarks.aws.ceiling`` measures how many requests a second it can answer.
"""
