"""What every replay needs: settings that remember nothing."""

from dataclasses import replace

from cloudtrail_processing.parts import Parts
from cloudtrail_processing.settings import Settings


def forgetting(settings: Settings, parts: Parts | None) -> tuple[Settings, Parts]:
    """The same without checkpoint and de-duplication: what was delivered before is to be delivered again."""
    without = settings.model_copy(update={"checkpoint": None, "deduplicate": 0.0})
    return without, replace(parts or Parts(), checkpoint=None, seen=None)
