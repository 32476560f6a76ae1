"""Who lives in an account: users, roles, buckets and the rest that records speak of again and again."""

from dataclasses import dataclass

from cloudtrail_processing.testing.generator.draw import Draw

AGENTS = (
    (
        "aws-cli/2.17.44 md/awscrt#0.21.2 ua/2.0 os/linux#6.8.0-1012-aws md/arch#x86_64 lang/python#3.11.9 "
        "md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#ec2.describe-instances"
    ),
    (
        "Boto3/1.35.10 md/Botocore#1.35.10 ua/2.0 os/linux#5.10.223 md/arch#x86_64 lang/python#3.12.5 "
        "md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.35.10"
    ),
    (
        "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.64.0 "
        "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.4 os/linux lang/go#1.22.6"
    ),
    "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64)",
    "aws-sdk-java/2.27.12 Linux/5.10.223 OpenJDK_64-Bit_Server_VM/21.0.4+7-LTS Java/21.0.4 vendor/Amazon.com_Inc.",
    "aws-sdk-nodejs/2.1679.0 linux/v20.16.0 exec-env/AWS_Lambda_nodejs20.x promise",
    "eksctl/0.189.0",
)
BROWSERS = (
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/128.0.0.0 Safari/537.36"
    ),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:129.0) Gecko/20100101 Firefox/129.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
)
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank")
ROBOTS = ("ci-deploy", "backup-agent", "metrics-exporter")
"""Users of programs, with long-lived access keys. The attack story begins with the first one's."""
ROLES = ("Admin", "Developer", "ReadOnly", "app-backend", "data-pipeline", "eks-node", "ci-runner")
BUCKETS = ("app-assets", "customer-exports", "data-lake", "terraform-state", "web-logs", "backups")
FUNCTIONS = ("order-intake", "thumbnailer", "nightly-report", "webhook-relay")
TABLES = ("orders", "sessions", "inventory")
SECRETS = ("prod/db/password", "prod/payments/api-key", "prod/mail/smtp", "staging/db/password", "prod/crm/token")
PARAMETERS = ("/app/prod/feature-flags", "/app/prod/db-host", "/app/staging/db-host")
LOG_GROUPS = ("/aws/lambda/order-intake", "/aws/eks/main/cluster", "/app/prod/api", "vpc-flow-logs")


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user as it shows in records: always the same ids, address and client."""

    name: str
    principal_id: str
    access_key: str
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role and where its sessions come from."""

    name: str
    principal_id: str
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody in one account. The same draw gives the same cast."""

    account: str
    users: tuple[User, ...]
    roles: tuple[Role, ...]
    instances: tuple[str, ...]
    key_ids: tuple[str, ...]
    trail: str = "management-events"

    def bucket(self, name: str) -> str:
        """The account's bucket for ``name``; bucket names are unique in the world, so the account is part of it."""
        return f"{name}-{self.account}"


def make_cast(account: str, draw: Draw) -> Cast:
    """The cast of ``account``."""
    return Cast(
        account=account,
        users=tuple(_user(name, account, draw) for name in PEOPLE + ROBOTS),
        roles=tuple(_role(name, account, draw) for name in ROLES),
        instances=tuple("i-0" + draw.hex(16) for _ in range(8)),
        key_ids=tuple(draw.uuid() for _ in range(4)),
    )


def address(draw: Draw) -> str:
    """An ordinary caller's address, from the ranges reserved for documentation; one in eight is IPv6.

    Nobody ordinary calls from 203.0.113.0/24: that range is the intruder's.
    """
    if draw.chance(0.125):
        return f"2001:db8:{draw.number(1, 0xFFFE):x}:{draw.number(1, 0xFFFE):x}::{draw.number(1, 0xFFE):x}"
    return f"{draw.one(('192.0.2', '198.51.100'))}.{draw.number(1, 254)}"


def _user(name: str, account: str, draw: Draw) -> User:
    return User(
        name=name,
        principal_id=draw.unique_id("AIDA", account),
        access_key=draw.unique_id("AKIA", account),
        address=address(draw),
        agent=draw.one(AGENTS),
    )


def _role(name: str, account: str, draw: Draw) -> Role:
    return Role(name=name, principal_id=draw.unique_id("AROA", account), address=address(draw), agent=draw.one(AGENTS))
