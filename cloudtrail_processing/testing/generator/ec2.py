"""EC2's calls that change something, with their weights in ordinary traffic."""

from cloudtrail_processing.testing.generator.api import write

_OK = '{"requestId":"$requestid","_return":true}'
_STATES = (
    '{"requestId":"$requestid","instancesSet":{"items":[{"instanceId":"$instance",'
    '"currentState":{"code":%s,"name":"%s"},"previousState":{"code":%s,"name":"%s"}}]}}'
)

EC2_WRITES = (
    write(
        "ec2",
        "RunInstances",
        '{"instancesSet":{"items":[{"imageId":"$ami","minCount":1,"maxCount":1}]},"groupSet":{"items":[{"groupId":"$sg"}]},'
        '"instanceType":"m6i.large","subnetId":"$subnet","blockDeviceMapping":{},"userData":"<sensitiveDataRemoved>",'
        '"monitoring":{"enabled":false},"disableApiTermination":false,"clientToken":"$uuid"}',
        '{"requestId":"$requestid","reservationId":"r-$volume","ownerId":"$account","groupSet":{},"instancesSet":{"items":'
        '[{"instanceId":"$instance","imageId":"$ami","instanceState":{"code":0,"name":"pending"},"privateDnsName":'
        '"ip-10-0-1-10.ec2.internal","amiLaunchIndex":0,"productCodes":{},"instanceType":"m6i.large","launchTime":$epoch,'
        '"placement":{"availabilityZone":"${region}a","tenancy":"default"},"monitoring":{"state":"disabled"},'
        '"subnetId":"$subnet","vpcId":"$vpc","privateIpAddress":"$ip","architecture":"x86_64","ebsOptimized":false,'
        '"networkInterfaceSet":{"items":[{"networkInterfaceId":"$eni","subnetId":"$subnet","vpcId":"$vpc",'
        '"ownerId":"$account","status":"in-use","privateIpAddress":"$ip"}]}}]}}',
        weight=3,
    ),
    write(
        "ec2",
        "StartInstances",
        '{"instancesSet":{"items":[{"instanceId":"$instance"}]}}',
        _STATES % (0, "pending", 80, "stopped"),
    ),
    write(
        "ec2",
        "StopInstances",
        '{"instancesSet":{"items":[{"instanceId":"$instance"}]},"force":false}',
        _STATES % (64, "stopping", 16, "running"),
    ),
    write(
        "ec2",
        "TerminateInstances",
        '{"instancesSet":{"items":[{"instanceId":"$instance"}]}}',
        _STATES % (32, "shutting-down", 16, "running"),
        weight=2,
    ),
    write(
        "ec2",
        "CreateVolume",
        '{"size":"100","zone":"${region}a","volumeType":"gp3","encrypted":true,"masterEncryptionKeyId":"$kmskey"}',
        '{"requestId":"$requestid","volumeId":"$volume","size":"100","zone":"${region}a","status":"creating",'
        '"createTime":$epoch,"volumeType":"gp3","iops":3000,"encrypted":true,"tagSet":{},"multiAttachEnabled":false}',
    ),
    write(
        "ec2",
        "CreateSnapshot",
        '{"volumeId":"$volume","description":"nightly"}',
        '{"requestId":"$requestid","snapshotId":"$snapshot","volumeId":"$volume","status":"pending","startTime":$epoch,'
        '"ownerId":"$account","volumeSize":"100","description":"nightly","encrypted":true}',
    ),
    write(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        '{"groupId":"$sg","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},'
        '"ipRanges":{"items":[{"cidrIp":"10.0.0.0/16","description":"office"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}',
        _OK,
    ),
    write(
        "ec2",
        "CreateTags",
        '{"resourcesSet":{"items":[{"resourceId":"$instance"}]},"tagSet":{"items":[{"key":"team","value":"orders"}]}}',
        _OK,
        weight=3,
    ),
    write(
        "ec2",
        "CreateNetworkInterface",
        '{"subnetId":"$subnet","description":"$function","groupSet":{"items":[{"groupId":"$sg"}]},"privateIpAddressesSet":{},'
        '"ipv6AddressCount":0,"clientToken":"$uuid"}',
        '{"requestId":"$requestid","networkInterface":{"networkInterfaceId":"$eni","subnetId":"$subnet","vpcId":"$vpc",'
        '"availabilityZone":"${region}a","ownerId":"$account","requesterManaged":false,"status":"pending",'
        '"privateIpAddress":"$ip","sourceDestCheck":true,"interfaceType":"interface","tagSet":{}}}',
        weight=2,
    ),
    write(
        "ec2",
        "DeleteFlowLogs",
        '{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"$flowlog"}}}',
        '{"DeleteFlowLogsResponse":{"xmlns":"http://ec2.amazonaws.com/doc/2016-11-15/","unsuccessful":"",'
        '"requestId":"$requestid"}}',
        weight=0,
    ),
)
