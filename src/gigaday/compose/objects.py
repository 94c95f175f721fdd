"""The object store that the settings choose, and what it can besides."""

from dataclasses import dataclass

from gigaday.backends.folder_growing import GrowingFolder
from gigaday.compose.guards import guarded_objects
from gigaday.contracts import Clock, LocalFiles, Presigner
from gigaday.resilience.guarded_objects import GuardedObjects, GuardedPresigner
from gigaday.settings import Settings


@dataclass(frozen=True)
class Objects:
    """`presigner` where clients may reach the store themselves, `files` where objects are files of this machine."""

    store: GuardedObjects
    presigner: Presigner | None
    files: LocalFiles | None


def chosen_objects(settings: Settings, clock: Clock) -> Objects:
    """Nothing is asked of the network yet."""
    if settings.s3_bucket is not None:
        return _s3(settings, settings.s3_bucket, clock)
    folder = GrowingFolder(settings.data_dir / "objects", clock)
    return Objects(guarded_objects(folder, clock), None, folder)


def _s3(settings: Settings, bucket: str, clock: Clock) -> Objects:
    from gigaday.backends.s3_client import S3Client  # here, so that the embedded default starts without the drivers
    from gigaday.backends.s3_credentials import S3Credentials
    from gigaday.backends.s3_growing import GrowingS3
    from gigaday.backends.s3_presigner import S3Presigner

    secret, token = (
        key.get_secret_value() if key else None for key in (settings.aws_secret_access_key, settings.aws_session_token)
    )
    credentials = S3Credentials(settings.aws_access_key_id, secret, token)
    endpoint, region = settings.s3_endpoint, settings.aws_region
    client = S3Client(bucket, endpoint=endpoint, region=region, credentials=credentials)
    store = guarded_objects(
        GrowingS3(bucket, client, endpoint=endpoint, region=region, credentials=credentials, clock=clock), clock
    )
    presigner = S3Presigner(bucket, client, endpoint=endpoint, region=region, credentials=credentials, clock=clock)
    return Objects(store, GuardedPresigner(presigner, store.guard), None)
