"""What renders images for one process."""

from gigaday.contracts import LocalFiles, ObjectStore, SharedCache
from gigaday.imaging.frames import Limits
from gigaday.imaging.pool import Pool
from gigaday.imaging.source import Sources
from gigaday.imaging.variants import StoredImages
from gigaday.settings import Settings


def stored_images(
    settings: Settings, objects: ObjectStore, files: LocalFiles | None, shared: SharedCache | None
) -> StoredImages:
    """Over `objects`, which are `files` where they lie on this machine; starts nothing before it is asked."""
    pool = Pool(Limits(pixels=settings.image_pixels), workers=settings.image_workers)
    return StoredImages(objects, pool, Sources(objects, files), shared)
