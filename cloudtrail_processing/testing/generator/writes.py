"""Management calls that change something, with their weights in ordinary traffic. Weight 0: only intruders do that."""

from cloudtrail_processing.testing.generator.api import Call, write
from cloudtrail_processing.testing.generator.ec2 import EC2_WRITES
from cloudtrail_processing.testing.generator.reads import BUCKET, KEY, S3_EXTRA

_POLICY = (
    '"{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":[{\\"Effect\\":\\"Allow\\",\\"Action\\":[\\"s3:GetObject\\",'
    '\\"s3:PutObject\\"],\\"Resource\\":\\"arn:aws:s3:::$bucket/*\\"}]}"'
)
_TRUST = (
    '"{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":[{\\"Effect\\":\\"Allow\\",\\"Principal\\":{\\"Service\\":'
    '\\"ec2.amazonaws.com\\"},\\"Action\\":\\"sts:AssumeRole\\"}]}"'
)
_TRAIL_ARN = "arn:aws:cloudtrail:$region:$account:trail/$trail"
_FUNCTION_ARN = "arn:aws:lambda:$region:$account:function:$function"


def _bucket(name: str, argument: str) -> Call:
    request = f'{{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com",{argument}}}'
    return write("s3", name, request, resources=BUCKET, extra=S3_EXTRA)


_IAM = (
    write(
        "iam",
        "CreateUser",
        '{"userName":"$newuser"}',
        '{"user":{"path":"/","userName":"$newuser","userId":"$aida","arn":"arn:aws:iam::$account:user/$newuser",'
        '"createDate":"$when"}}',
    ),
    write(
        "iam",
        "CreateAccessKey",
        '{"userName":"$newuser"}',
        '{"accessKey":{"userName":"$newuser","accessKeyId":"$akia","status":"Active","createDate":"$when"}}',
    ),
    write("iam", "DeleteAccessKey", '{"userName":"$newuser","accessKeyId":"$akia"}'),
    write(
        "iam",
        "CreateLoginProfile",
        '{"userName":"$newuser","passwordResetRequired":false}',
        '{"loginProfile":{"userName":"$newuser","createDate":"$when","passwordResetRequired":false}}',
        weight=0,
    ),
    write(
        "iam",
        "AttachUserPolicy",
        '{"userName":"$newuser","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}',
        weight=0,
    ),
    write(
        "iam", "AttachRolePolicy", '{"roleName":"$role","policyArn":"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"}'
    ),
    write(
        "iam",
        "CreateRole",
        f'{{"roleName":"$function-role","assumeRolePolicyDocument":{_TRUST},"description":"for $function"}}',
        f'{{"role":{{"path":"/","roleName":"$function-role","roleId":"$aroa","arn":"arn:aws:iam::$account:role/$function-role",'
        f'"createDate":"$when","assumeRolePolicyDocument":{_TRUST}}}}}',
    ),
    write("iam", "PutRolePolicy", f'{{"roleName":"$role","policyName":"bucket","policyDocument":{_POLICY}}}'),
    write("iam", "DeleteUser", '{"userName":"$newuser"}', weight=0),
)
_STORAGE = (
    write(
        "s3",
        "CreateBucket",
        '{"CreateBucketConfiguration":{"LocationConstraint":"$region","xmlns":"http://s3.amazonaws.com/doc/2006-03-01/"},'
        '"bucketName":"$bucket","Host":"s3.$region.amazonaws.com"}',
        resources=BUCKET,
        extra=S3_EXTRA,
    ),
    _bucket(
        "PutBucketPolicy",
        '"bucketPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":'
        '"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::$bucket/*"}]},"policy":""',
    ),
    _bucket(
        "PutBucketPublicAccessBlock",
        '"publicAccessBlock":"","PublicAccessBlockConfiguration":{"RestrictPublicBuckets":true,"BlockPublicPolicy":true,'
        '"BlockPublicAcls":true,"IgnorePublicAcls":true}',
    ),
    _bucket("DeleteBucketLifecycle", '"lifecycle":""'),
    write(
        "dynamodb",
        "UpdateTable",
        '{"tableName":"$table","billingMode":"PAY_PER_REQUEST"}',
        '{"tableDescription":{"tableName":"$table","tableStatus":"UPDATING","tableSizeBytes":$bytes,"itemCount":$number,'
        '"tableArn":"arn:aws:dynamodb:$region:$account:table/$table","tableId":"$uuid"}}',
    ),
    write(
        "rds",
        "CreateDBInstance",
        '{"dBInstanceIdentifier":"orders-$number","allocatedStorage":100,"dBInstanceClass":"db.m6g.large","engine":"postgres",'
        '"masterUsername":"app","masterUserPassword":"****","vpcSecurityGroupIds":["$sg"],"storageEncrypted":true}',
        '{"dBInstanceIdentifier":"orders-$number","dBInstanceClass":"db.m6g.large","engine":"postgres",'
        '"dBInstanceStatus":"creating","masterUsername":"app","allocatedStorage":100,"pendingModifiedValues":'
        '{"masterUserPassword":"****"},"dbiResourceId":"db-$cluster","deletionProtection":true,"httpEndpointEnabled":false}',
    ),
    write(
        "rds", "CreateDBSnapshot", '{"dBSnapshotIdentifier":"nightly-$number","dBInstanceIdentifier":"orders-$number"}'
    ),
)
_KEYS_AND_SECRETS = (
    write(
        "kms",
        "CreateGrant",
        '{"keyId":"$kmskey","granteePrincipal":"arn:aws:iam::$account:role/$role","operations":["Decrypt","GenerateDataKey"],'
        '"constraints":{"encryptionContextSubset":{"aws:rds:db-id":"db-$cluster"}}}',
        '{"grantId":"$hex","keyId":"arn:aws:kms:$region:$account:key/$kmskey"}',
        resources=KEY,
        weight=2,
    ),
    write("kms", "EnableKeyRotation", '{"keyId":"$kmskey"}', resources=KEY),
    write("kms", "ScheduleKeyDeletion", '{"keyId":"$kmskey","pendingWindowInDays":7}', resources=KEY, weight=0),
    write(
        "secretsmanager",
        "CreateSecret",
        '{"name":"$secret","clientRequestToken":"$uuid"}',
        '{"arn":"arn:aws:secretsmanager:$region:$account:secret:$secret-AbCdEf"}',
    ),
    write(
        "secretsmanager",
        "PutSecretValue",
        '{"secretId":"$secret","clientRequestToken":"$uuid","versionStages":["AWSCURRENT"]}',
    ),
    write(
        "ssm", "PutParameter", '{"name":"$parameter","value":"HIDDEN_DUE_TO_SECURITY_REASONS","type":"SecureString"}'
    ),
)
_TRAILS = (
    write("cloudtrail", "StartLogging", f'{{"name":"{_TRAIL_ARN}"}}'),
    write("cloudtrail", "StopLogging", f'{{"name":"{_TRAIL_ARN}"}}', weight=0),
    write("cloudtrail", "DeleteTrail", f'{{"name":"{_TRAIL_ARN}"}}', weight=0),
    write(
        "cloudtrail",
        "PutEventSelectors",
        f'{{"trailName":"{_TRAIL_ARN}","eventSelectors":[{{"readWriteType":"All","includeManagementEvents":true,'
        '"dataResources":[{"type":"AWS::S3::Object","values":["arn:aws:s3:::$bucket/"]}]}]}',
        f'{{"trailARN":"{_TRAIL_ARN}","eventSelectors":[{{"readWriteType":"All","includeManagementEvents":true}}]}}',
    ),
)
_REST = (
    write(
        "lambda",
        "UpdateFunctionCode20150331v2",
        '{"functionName":"$function","s3Bucket":"$bucket","s3Key":"builds/$function.zip","publish":true,"dryRun":false}',
        f'{{"functionName":"$function","functionArn":"{_FUNCTION_ARN}","runtime":"python3.12","role":'
        '"arn:aws:iam::$account:role/$role","handler":"app.handler","codeSize":$bytes,"timeout":30,"memorySize":256,'
        '"version":"$number","tracingConfig":{"mode":"Active"},"environment":{},"state":"Active"}',
        weight=2,
    ),
    write(
        "lambda",
        "AddPermission20150331v2",
        '{"functionName":"$function","statementId":"s3","action":"lambda:InvokeFunction","principal":"s3.amazonaws.com"}',
        '{"statement":"{\\"Sid\\":\\"s3\\",\\"Effect\\":\\"Allow\\",\\"Action\\":\\"lambda:InvokeFunction\\"}"}',
    ),
    write(
        "ssm",
        "SendCommand",
        '{"documentName":"AWS-RunShellScript","instanceIds":["$instance"],"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS",'
        '"interactive":false}',
        '{"command":{"commandId":"$uuid","documentName":"AWS-RunShellScript","status":"Pending","targetCount":1,'
        '"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","requestedDateTime":"$when"}}',
    ),
    write(
        "ssm",
        "UpdateInstanceInformation",
        '{"instanceId":"$instance","agentVersion":"3.3.551.0","agentStatus":"Active","platformType":"Linux","platformName":'
        '"Amazon Linux","platformVersion":"2023","iPAddress":"$ip","agentName":"amazon-ssm-agent"}',
        weight=8,
    ),
    write("logs", "CreateLogStream", '{"logGroupName":"$loggroup","logStreamName":"$hex"}', weight=6),
    write("logs", "PutRetentionPolicy", '{"logGroupName":"$loggroup","retentionInDays":30}'),
    write("logs", "DeleteLogGroup", '{"logGroupName":"$loggroup"}', weight=0),
    write(
        "organizations",
        "MoveAccount",
        '{"accountId":"$other","sourceParentId":"r-a1b2","destinationParentId":"ou-a1b2-$number"}',
    ),
    write(
        "cloudwatch",
        "PutMetricAlarm",
        '{"alarmName":"$function-errors","metricName":"Errors","namespace":"AWS/Lambda",'
        '"statistic":"Sum","period":60,"evaluationPeriods":1,"threshold":1.0,"alarmActions":["$topic"]}',
    ),
    write(
        "elb", "RegisterTargets", '{"targetGroupArn":"$targetgroup","targets":[{"id":"$instance","port":8080}]}', "{}"
    ),
    write(
        "autoscaling", "SetDesiredCapacity", '{"autoScalingGroupName":"web","desiredCapacity":4,"honorCooldown":true}'
    ),
    write(
        "ecr",
        "PutImage",
        '{"registryId":"$account","repositoryName":"$function","imageTag":"latest","imageManifest":"{}"}',
    ),
    write(
        "events",
        "PutRule",
        '{"name":"every-hour","scheduleExpression":"rate(1 hour)","state":"ENABLED"}',
        '{"ruleArn":"arn:aws:events:$region:$account:rule/every-hour"}',
    ),
    write(
        "events",
        "PutEvents",
        '{"entries":[{"source":"orders","detailType":"placed","detail":"HIDDEN_DUE_TO_SECURITY_REASONS"}]}',
        '{"failedEntryCount":0,"entries":[{"eventId":"$uuid"}]}',
        weight=2,
    ),
    write(
        "sqs",
        "CreateQueue",
        '{"queueName":"jobs-$number","attributes":{"VisibilityTimeout":"300"}}',
        '{"queueUrl":"https://sqs.$region.amazonaws.com/$account/jobs-$number"}',
    ),
    write(
        "cloudformation",
        "CreateStack",
        '{"stackName":"app-prod","parameters":[{"parameterKey":"Stage"}],"capabilities":'
        '["CAPABILITY_IAM"],"roleARN":"arn:aws:iam::$account:role/$role"}',
        '{"stackId":"arn:aws:cloudformation:$region:$account:stack/app-prod/$uuid"}',
    ),
)

WRITES = EC2_WRITES + _IAM + _STORAGE + _KEYS_AND_SECRETS + _TRAILS + _REST
