"""A signed trail as the simulated AWS serves it."""

from collections.abc import Iterable

from benchmarks.aws.layout import Key, Layout, Object, Trail
from cloudtrail_processing.testing import SignedTrail

_MANY = 100


def layout_of(
    trail: SignedTrail,
    *,
    bucket: str,
    prefix: str | None = None,
    organization: str | None = None,
    denied: Iterable[tuple[str, str]] = (),
    page: int = _MANY,
) -> Layout:
    """All of the trail's objects and keys, and a trail that delivers to ``bucket`` now."""
    regions = trail.arn.split(":")[3:4]
    return Layout(
        account=trail.arn.split(":")[4],
        objects=[
            Object(place, key, stored.body, dict(stored.metadata), stored.last_modified)
            for (place, key), stored in trail.objects.items()
        ],
        trails=[Trail(trail.arn, bucket, prefix, is_organization=organization is not None)],
        keys=list(_keys(trail)),
        regions=dict.fromkeys((place for place, _ in trail.objects), regions[0]),
        denied=list(denied),
        organization=organization,
        page=page,
    )


def _keys(trail: SignedTrail) -> Iterable[Key]:
    for region, keys in trail.public_keys.items():
        for key in keys:
            assert key.first is not None
            assert key.last is not None
            yield Key(key.fingerprint, key.der, key.first, key.last, region)
