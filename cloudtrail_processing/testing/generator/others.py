"""Calls that are not ordinary management: data events, what services do themselves, network activity, sign-in."""

from cloudtrail_processing.testing.generator.api import Call
from cloudtrail_processing.testing.generator.reads import ASSUME_ROLE, BUCKET_ACL, DATA_KEY, DECRYPT

_OBJECT = (
    '[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::$bucket/$key"},'
    '{"accountId":"$account","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$bucket"}]'
)
_LISTING = (
    '[{"type":"AWS::S3::Object","ARNPrefix":"arn:aws:s3:::$bucket/"},'
    '{"accountId":"$account","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$bucket"}]'
)
_SSE = (
    '{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":%s,"SSEApplied":"%s",'
    '"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$hostid","bytesTransferredOut":%s}'
)
_OBJECT_REQUEST = '"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$key"'
_FUNCTION = (
    '[{"accountId":"$account","type":"AWS::Lambda::Function",'
    '"ARN":"arn:aws:lambda:$region:$account:function:$function"}]'
)
_TABLE = (
    '[{"accountId":"$account","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:$region:$account:table/$table"}]'
)

GET_OBJECT = Call(
    "s3",
    "GetObject",
    f"{{{_OBJECT_REQUEST}}}",
    resources=_OBJECT,
    extra=_SSE % ("$zero", "SSE_S3", "$bytes"),
    weight=10,
    data=True,
)
DATA_CALLS = (
    GET_OBJECT,
    Call(
        "s3",
        "PutObject",
        f'{{{_OBJECT_REQUEST},"x-amz-acl":"bucket-owner-full-control","x-amz-server-side-encryption":"aws:kms",'
        '"x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:$region:$account:key/$kmskey"}',
        '{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":'
        '"arn:aws:kms:$region:$account:key/$kmskey","x-amz-version-id":"$hex"}',
        resources=_OBJECT,
        extra=_SSE % ("$bytes", "SSE_KMS", "$zero"),
        weight=8,
        read_only=False,
        data=True,
    ),
    Call(
        "s3",
        "HeadObject",
        f"{{{_OBJECT_REQUEST}}}",
        resources=_OBJECT,
        extra=_SSE % ("$zero", "SSE_S3", "$zero"),
        weight=3,
        data=True,
    ),
    Call(
        "s3",
        "ListObjects",
        '{"list-type":"2","bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","prefix":"","max-keys":"1000"}',
        resources=_LISTING,
        extra=_SSE % ("$zero", "SSE_S3", "$bytes"),
        weight=3,
        data=True,
    ),
    Call("s3", "DeleteObject", f"{{{_OBJECT_REQUEST}}}", resources=_OBJECT, read_only=False, data=True),
    Call(
        "lambda",
        "Invoke",
        '{"functionName":"arn:aws:lambda:$region:$account:function:$function","invocationType":"RequestResponse",'
        '"sourceArn":"arn:aws:apigateway:$region::/restapis/a1b2c3"}',
        resources=_FUNCTION,
        extra='{"functionVersion":"arn:aws:lambda:$region:$account:function:$function:$$LATEST"}',
        weight=6,
        read_only=False,
        data=True,
    ),
    Call(
        "dynamodb",
        "GetItem",
        '{"tableName":"$table","key":{"id":"HIDDEN_DUE_TO_SECURITY_REASONS"},"consistentRead":false}',
        resources=_TABLE,
        weight=4,
        data=True,
    ),
    Call(
        "dynamodb",
        "PutItem",
        '{"tableName":"$table","items":["id","at"]}',
        resources=_TABLE,
        weight=3,
        read_only=False,
        data=True,
    ),
    Call(
        "dynamodb",
        "Query",
        '{"tableName":"$table","keyConditionExpression":"id = :id","limit":25,"expressionAttributeValues":null}',
        resources=_TABLE,
        weight=2,
        data=True,
    ),
    Call(
        "sqs",
        "SendMessage",
        '{"queueUrl":"https://sqs.$region.amazonaws.com/$account/jobs","messageBody":"HIDDEN_DUE_TO_SECURITY_REASONS",'
        '"messageAttributes":"HIDDEN_DUE_TO_SECURITY_REASONS"}',
        '{"mD5OfMessageBody":"$hex","messageId":"$uuid"}',
        resources='[{"accountId":"$account","type":"AWS::SQS::Queue","ARN":"arn:aws:sqs:$region:$account:jobs"}]',
        read_only=False,
        data=True,
    ),
)

SERVICE_CALLS = (
    ASSUME_ROLE,
    BUCKET_ACL,
    DATA_KEY,
    DECRYPT,
)
"""What AWS services call on somebody's behalf (identity type AWSService)."""

SERVICE_EVENTS = (
    Call("kms", "RotateKey", details='{"keyId":"$kmskey","backingKeyId":"$hex"}', weight=2, read_only=False),
    Call(
        "secretsmanager",
        "RotationSucceeded",
        extra='{"SecretId":"arn:aws:secretsmanager:$region:$account:secret:$secret-AbCdEf"}',
        weight=3,
        read_only=False,
    ),
    Call(
        "secretsmanager",
        "StartSecretVersionDelete",
        extra='{"ARN":"arn:aws:secretsmanager:$region:$account:secret:$secret-AbCdEf","Name":"$secret"}',
        weight=2,
        read_only=False,
    ),
    Call("ec2", "BidEvictedEvent", details='{"instanceIdSet":["$instance","$instance2"]}', read_only=False),
    Call(
        "ec2", "SharedSnapshotVolumeCreated", details='{"snapshotId":"$snapshot","volumeId":"$volume"}', read_only=False
    ),
    Call("eks", "UpdateClusterVersion", details='{"clusterName":"main","status":"Successful"}', read_only=False),
)

NETWORK_CALLS = (
    Call("kms", "ListKeys", weight=2),
    Call("kms", "Decrypt", weight=5),
    Call("s3", "GetObject", weight=5),
    Call("secretsmanager", "GetSecretValue", weight=3),
    Call("cloudtrail", "LookupEvents"),
    Call("ec2", "DescribeInstances", weight=2),
)

BUSY_CALLS = (
    ("ec2", "RunInstances", "Client.RequestLimitExceeded"),
    ("iam", "GetRole", "AccessDenied"),
    ("kms", "Decrypt", "AccessDeniedException"),
    ("ssm", "GetParameter", "ThrottlingException"),
    ("autoscaling", "CompleteLifecycleAction", "Throttling"),
)
"""Service, call and typical error of what Insights notices."""

CONSOLE_ACTIONS = ("GetBillsForBillingPeriod", "GetAccountPreferences", "AWSPaymentPreferenceGatewayGet")
