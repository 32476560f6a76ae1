"""What CloudTrail says happened: the models of its events and digest files."""

from pydantic import BaseModel

__all__ = ["CloudTrailEvent"]


class CloudTrailEvent(BaseModel):
    """One CloudTrail record."""
