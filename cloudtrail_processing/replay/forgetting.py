"""What every replay needs: settings that remember nothing."""

from dataclasses import replace

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.settings import Settings


def forgetting(settings: Settings, parts: Parts | None) -> tuple[Settings, Parts]:
    """The same without checkpoint, de-duplication and proof: what was delivered before is to be delivered again.

    Raises ``SettingsError`` where proof is required: without a memory there is none.
    """
    if settings.verify == "require":
        raise SettingsError(
            "verify=require: a replay remembers nothing, so it proves nothing; have the logs validated, then replay "
            "them with verify=off"
        )
    without = settings.model_copy(update={"checkpoint": None, "deduplicate": 0.0, "verify": "off"})
    return without, replace(parts or Parts(), checkpoint=None, seen=None)
