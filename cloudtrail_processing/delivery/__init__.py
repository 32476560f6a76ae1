"""The records of one log → batches → processors: filtered cheaply, built once, delivered lane by lane.

``Delivery.begin`` opens a ``Job`` for one log: what no lane wants is not read, what a checkpoint says is settled is not
delivered again, what the records come to is in ``Delivered``.
"""

from cloudtrail_processing.delivery.holding import Holds, KeepGoing
from cloudtrail_processing.delivery.job import Delivered, Delivery, Job
from cloudtrail_processing.delivery.lane import Lane, LaneFailure, never_stop

__all__ = ["Delivered", "Delivery", "Holds", "Job", "KeepGoing", "Lane", "LaneFailure", "never_stop"]
