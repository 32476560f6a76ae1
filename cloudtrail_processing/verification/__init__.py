"""Logs proven against CloudTrail's signed digests while they are ingested; whichever of the two comes first.

    log ──hash, where it is inflated──▶ ledger ◀──what a valid digest lists── digest
                                          │
                     verified · mismatch · missing · unlisted · late ──▶ hook, log, metrics

``logs`` and ``chains`` are the rules, ``book`` the ledger as they see it. A ``Proof`` is of one log in hand,
``Digests`` settles digests, ``Rounds`` looks for those that no message names, and ``Teller`` tells what was found.
"""

from cloudtrail_processing.verification.digests import Digests
from cloudtrail_processing.verification.proof import Proof
from cloudtrail_processing.verification.rounds import FolderListing, Rounds
from cloudtrail_processing.verification.telling import Teller
from cloudtrail_processing.verification.verifier import Policy, Verifier

__all__ = ["Digests", "FolderListing", "Policy", "Proof", "Rounds", "Teller", "Verifier"]
