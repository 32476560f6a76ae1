"""Management calls that only read, with their weights in ordinary traffic."""

from cloudtrail_processing.testing.generator.api import Call

BUCKET = '[{"accountId":"$account","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$bucket"}]'
S3_EXTRA = (
    '{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":$zero,'
    '"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$hostid","bytesTransferredOut":$bytes}'
)
KEY = '[{"accountId":"$account","type":"AWS::KMS::Key","ARN":"arn:aws:kms:$region:$account:key/$kmskey"}]'
ROLE = '[{"accountId":"$account","type":"AWS::IAM::Role","ARN":"arn:aws:iam::$account:role/$role"}]'
CREDENTIALS = '"credentials":{"accessKeyId":"$asia","sessionToken":"$token","expiration":"$expiration"}'
ASSUMED = (
    '"assumedRoleUser":{"assumedRoleId":"$aroa:$session","arn":"arn:aws:sts::$account:assumed-role/$role/$session"}'
)
ROLE_ARN = '"roleArn":"arn:aws:iam::$account:role/$role"'


def _bucket(name: str, argument: str, weight: float = 1) -> Call:
    request = f'{{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","{argument}":""}}'
    return Call("s3", name, request, resources=BUCKET, extra=S3_EXTRA, weight=weight)


def _ec2(name: str, request: str, weight: float = 2) -> Call:
    return Call("ec2", name, request, weight=weight)


ASSUME_ROLE = Call(
    "sts",
    "AssumeRole",
    f'{{{ROLE_ARN},"roleSessionName":"$session","durationSeconds":3600}}',
    f"{{{CREDENTIALS},{ASSUMED}}}",
    resources=ROLE,
    weight=8,
)
ASSUME_ROLE_WEB = Call(
    "sts",
    "AssumeRoleWithWebIdentity",
    f'{{{ROLE_ARN},"roleSessionName":"$session","durationSeconds":3600}}',
    f'{{{CREDENTIALS},"subjectFromWebIdentityToken":"system:serviceaccount:prod:$function",{ASSUMED},'
    '"provider":"arn:aws:iam::$account:oidc-provider/oidc.eks.$region.amazonaws.com/id/$cluster",'
    '"audience":"sts.amazonaws.com"}',
    resources=ROLE,
    weight=0,
)
ASSUME_ROLE_SAML = Call(
    "sts",
    "AssumeRoleWithSAML",
    f'{{"sAMLAssertionID":"_$uuid",{ROLE_ARN},"principalArn":"arn:aws:iam::$account:saml-provider/corp-idp",'
    '"durationSeconds":3600}',
    f'{{"issuer":"https://idp.example.com/saml","subjectType":"persistent",{CREDENTIALS},'
    f'"nameQualifier":"$hostid","subject":"$user",{ASSUMED},"audience":"https://signin.aws.amazon.com/saml"}}',
    resources=ROLE,
    weight=0,
)
COGNITO_CREDENTIALS = Call(
    "cognito",
    "GetCredentialsForIdentity",
    '{"logins":{"cognito-idp.$region.amazonaws.com/${region}_$cluster":"HIDDEN_DUE_TO_SECURITY_REASONS"},'
    '"identityId":"$region:$uuid"}',
    f'{{{CREDENTIALS},"identityId":"$region:$uuid"}}',
    resources='[{"accountId":"$account","type":"AWS::Cognito::IdentityPool",'
    '"ARN":"arn:aws:cognito-identity:$region:$account:identitypool/$region:$uuid2"}]',
    weight=0,
    data=True,
)
DIRECTORIES = Call("directory", "DescribeDirectories", '{"directoryIds":["d-$number"]}', weight=0)
SSO_CREDENTIALS = Call(
    "identitycenter",
    "GetRoleCredentials",
    response='{"roleCredentials":"HIDDEN_DUE_TO_SECURITY_REASONS"}',
    details='{"role_name":"$role","account_id":"$account"}',
    weight=0,
)
DECRYPT = Call(
    "kms",
    "Decrypt",
    '{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$bucket"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}',
    resources=KEY,
    weight=9,
)
DATA_KEY = Call(
    "kms",
    "GenerateDataKey",
    '{"keySpec":"AES_256","encryptionContext":{"aws:cloudtrail:arn":"arn:aws:cloudtrail:$region:$account:trail/$trail",'
    '"aws:s3:arn":"arn:aws:s3:::$bucket/AWSLogs/$account"},"keyId":"arn:aws:kms:$region:$account:key/$kmskey"}',
    resources=KEY,
    weight=8,
)
BUCKET_ACL = _bucket("GetBucketAcl", "acl", weight=5)

READS = (
    _ec2("DescribeInstances", '{"maxResults":1000,"instancesSet":{},"filterSet":{}}', weight=10),
    _ec2("DescribeSecurityGroups", '{"maxResults":1000,"securityGroupSet":{},"filterSet":{}}', weight=4),
    _ec2("DescribeVolumes", '{"volumeSet":{"items":[{"volumeId":"$volume"}]},"filterSet":{}}'),
    _ec2("DescribeSubnets", '{"subnetSet":{"items":[{"subnetId":"$subnet"}]},"filterSet":{}}'),
    _ec2(
        "DescribeNetworkInterfaces",
        '{"networkInterfaceIdSet":{"items":[{"networkInterfaceId":"$eni"}]},'
        '"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"$vpc"}]}}]}}',
        weight=4,
    ),
    _ec2("DescribeRouteTables", '{"routeTableIdSet":{},"filterSet":{}}'),
    _ec2("DescribeSnapshots", '{"snapshotSet":{},"ownersSet":{"items":[{"owner":"$account"}]},"filterSet":{}}'),
    _ec2("DescribeImages", '{"ownersSet":{"items":[{"owner":"amazon"}]},"imagesSet":{},"filterSet":{}}', weight=1),
    _ec2("DescribeRegions", '{"regionSet":{},"allRegions":true}', weight=1),
    _ec2("DescribeInstanceAttribute", '{"instanceId":"$instance","attribute":"instanceType"}', weight=1),
    _ec2("DescribeFlowLogs", '{"DescribeFlowLogsRequest":{"MaxResults":100}}', weight=1),
    Call("iam", "ListUsers", '{"maxItems":100}'),
    Call("iam", "ListRoles", '{"maxItems":100}', weight=2),
    Call("iam", "GetUser", '{"userName":"$user"}', weight=2),
    Call("iam", "GetRole", '{"roleName":"$role"}', weight=4),
    Call("iam", "ListAttachedUserPolicies", '{"userName":"$user"}'),
    Call("iam", "ListAttachedRolePolicies", '{"roleName":"$role"}', weight=3),
    Call("iam", "ListAccessKeys", '{"userName":"$user"}'),
    Call("iam", "GetAccountSummary"),
    Call("iam", "GetPolicyVersion", '{"policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess","versionId":"v$number"}'),
    Call("s3", "ListBuckets", '{"Host":"s3.amazonaws.com"}', extra=S3_EXTRA, weight=3),
    BUCKET_ACL,
    _bucket("GetBucketPolicy", "policy", weight=3),
    _bucket("GetBucketLocation", "location", weight=2),
    _bucket("GetBucketPublicAccessBlock", "publicAccessBlock", weight=2),
    _bucket("GetBucketVersioning", "versioning"),
    Call("sts", "GetCallerIdentity", weight=6),
    ASSUME_ROLE,
    ASSUME_ROLE_WEB,
    ASSUME_ROLE_SAML,
    Call("sts", "GetSessionToken", '{"durationSeconds":43200}', f"{{{CREDENTIALS}}}"),
    DECRYPT,
    DATA_KEY,
    Call("kms", "DescribeKey", '{"keyId":"$kmskey"}', resources=KEY, weight=3),
    Call("kms", "ListAliases", '{"limit":100}'),
    Call("lambda", "ListFunctions20150331", '{"maxItems":50}'),
    Call("lambda", "GetFunction20150331v2", '{"functionName":"$function"}', weight=2),
    Call("ssm", "GetParameter", '{"name":"$parameter","withDecryption":true}', weight=3),
    Call("ssm", "GetParametersByPath", '{"path":"/app/prod","recursive":true,"withDecryption":true,"maxResults":10}'),
    Call(
        "ssm",
        "DescribeInstanceInformation",
        '{"maxResults":50,"filters":[{"key":"InstanceIds","values":["$instance"]}]}',
    ),
    Call("rds", "DescribeDBInstances", '{"dBInstanceIdentifier":"orders-$number","includeShared":false}', weight=3),
    Call("rds", "DescribeDBSnapshots", '{"snapshotType":"manual","includeShared":false,"includePublic":false}'),
    Call("logs", "DescribeLogGroups", '{"limit":50}', weight=2),
    Call(
        "logs",
        "DescribeLogStreams",
        '{"logGroupName":"$loggroup","orderBy":"LastEventTime","descending":true}',
        weight=2,
    ),
    Call(
        "logs", "FilterLogEvents", '{"logGroupName":"$loggroup","filterPattern":"ERROR","startTime":$epoch,"limit":100}'
    ),
    Call("secretsmanager", "ListSecrets", '{"maxResults":100}'),
    Call("secretsmanager", "GetSecretValue", '{"secretId":"$secret"}', weight=4),
    Call("secretsmanager", "DescribeSecret", '{"secretId":"$secret"}', weight=2),
    Call("cloudtrail", "DescribeTrails", '{"trailNameList":[],"includeShadowTrails":true}'),
    Call("cloudtrail", "GetTrailStatus", '{"name":"arn:aws:cloudtrail:$region:$account:trail/$trail"}', weight=2),
    Call("cloudtrail", "LookupEvents", '{"startTime":"$when","endTime":"$when","maxResults":50}'),
    Call("organizations", "DescribeOrganization"),
    Call("organizations", "ListAccounts", '{"maxResults":20}'),
    Call("dynamodb", "DescribeTable", '{"tableName":"$table"}', weight=2),
    Call("cloudwatch", "DescribeAlarms", '{"stateValue":"ALARM","maxRecords":100}', weight=2),
    Call("cloudwatch", "GetMetricData", '{"startTime":"$when","endTime":"$when","maxDatapoints":500}', weight=2),
    Call("elb", "DescribeLoadBalancers", '{"pageSize":400}', weight=2),
    Call("elb", "DescribeTargetHealth", '{"targetGroupArn":"$targetgroup"}', weight=3),
    Call("autoscaling", "DescribeAutoScalingGroups", '{"maxRecords":100}', weight=2),
    Call("ecr", "GetAuthorizationToken", "null", '{"authorizationData":"HIDDEN_DUE_TO_SECURITY_REASONS"}'),
    Call("ecr", "BatchGetImage", '{"repositoryName":"$function","imageIds":[{"imageTag":"latest"}]}'),
    Call("eks", "DescribeCluster", '{"name":"main"}'),
    Call("cloudformation", "DescribeStacks", '{"stackName":"app-prod"}', weight=2),
    Call("config", "DescribeConfigRules", "null"),
    Call("guardduty", "ListFindings", '{"detectorId":"$cluster","findingCriteria":{"criterion":{}},"maxResults":50}'),
    Call("tagging", "GetResources", '{"resourcesPerPage":100,"tagFilters":[],"resourceTypeFilters":["rds:db"]}'),
    Call("sns", "ListTopics"),
    Call(
        "sqs",
        "GetQueueAttributes",
        '{"queueUrl":"https://sqs.$region.amazonaws.com/$account/jobs","attributeNames":["All"]}',
    ),
    COGNITO_CREDENTIALS,
    DIRECTORIES,
    SSO_CREDENTIALS,
)
