"""Typed settings from the environment and an optional TOML file; the only reader of os.environ.

Every setting has one name, the same in the environment and (in any case) in the file that `GIGADAY_CONFIG` names.
The environment wins over the file, the file over the default. An empty value counts as not set.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from gigaday.errors import SettingsError
from gigaday.rules.spelling import nearest

CONFIG = "GIGADAY_CONFIG"
OURS = ("GIGADAY_", "MONGODB_", "S3_", "REDIS_", "CDN_", "CLOUDFRONT_")
MIB = 1024 * 1024
_LEAST_PEPPER = 16
_MEMBER = r"(?:rediss?://)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}/?"
_REDIS_URLS = re.compile(rf"\s*{_MEMBER}(?:\s*,\s*{_MEMBER})*\s*")
# What Kubernetes puts into every container for a service that happens to be named as a prefix of ours.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)(_\w+)?$|_PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?$")


def _listed(value: Any) -> Any:
    return [part for part in re.split(r"[,\s]+", value) if part] if isinstance(value, str) else value


Port = Annotated[int, Field(ge=1, le=65535)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_listed)]
Urls = Annotated[tuple[Annotated[str, Field(pattern=r"^https?://[^\s/]+/?$")], ...], BeforeValidator(_listed)]
Origins = Annotated[
    tuple[Annotated[str, Field(pattern=r"^(\*|https?://[A-Za-z0-9.:\[\]-]+)$")], ...], BeforeValidator(_listed)
]
Workers = Literal["auto"] | Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """Everything that can be set. Sizes in bytes, times in seconds; pools are per process."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path = Field(Path(".gigaday"), alias="GIGADAY_DATA_DIR")
    environment: Literal["live", "test"] = Field("live", alias="GIGADAY_ENVIRONMENT")
    pepper: SecretStr | None = Field(None, alias="GIGADAY_PEPPER")

    host: str = Field("127.0.0.1", alias="HOST")
    port: Port = Field(8080, alias="PORT")
    socket: Path | None = Field(None, alias="GIGADAY_SOCKET")
    cluster_size: Workers = Field("auto", alias="CLUSTER_SIZE")
    trusted_proxies: Networks = Field((), alias="GIGADAY_TRUSTED_PROXIES")
    cors_origins: Origins = Field((), alias="GIGADAY_CORS_ORIGINS")

    mongodb_uri: SecretStr | None = Field(None, alias="MONGODB_URI")
    mongodb_max_pool_size: int = Field(1000, alias="MONGODB_MAX_POOL_SIZE", ge=1)
    mongodb_min_pool_size: int = Field(50, alias="MONGODB_MIN_POOL_SIZE", ge=0)

    redis_cluster_urls: str | None = Field(None, alias="REDIS_CLUSTER_URLS")
    redis_password: SecretStr | None = Field(None, alias="REDIS_PASSWORD")
    redis_backup_urls: str | None = Field(None, alias="REDIS_BACKUP_URLS")

    s3_bucket: str | None = Field(None, alias="S3_BUCKET")
    s3_endpoint: str | None = Field(None, alias="S3_ENDPOINT", pattern=r"^https?://[^\s/]+")
    aws_region: str = Field("us-east-1", alias="AWS_REGION")
    aws_access_key_id: str | None = Field(None, alias="AWS_ACCESS_KEY_ID")
    aws_secret_access_key: SecretStr | None = Field(None, alias="AWS_SECRET_ACCESS_KEY")
    aws_session_token: SecretStr | None = Field(None, alias="AWS_SESSION_TOKEN")

    cdn_endpoint: str | None = Field(None, alias="CDN_ENDPOINT", pattern=r"^https?://[^\s/]+/?$")
    cdn_purge_urls: Urls = Field((), alias="CDN_PURGE_URLS")
    cloudfront_domain: str | None = Field(None, alias="CLOUDFRONT_DOMAIN", pattern=r"^[A-Za-z0-9.-]+$")
    cloudfront_distribution_id: str | None = Field(None, alias="CLOUDFRONT_DISTRIBUTION_ID")
    cloudfront_key_pair_id: str | None = Field(None, alias="CLOUDFRONT_KEY_PAIR_ID")
    cloudfront_private_key: SecretStr | None = Field(None, alias="CLOUDFRONT_PRIVATE_KEY")

    cache_bytes: int = Field(64 * MIB, alias="GIGADAY_CACHE_BYTES", ge=MIB)
    body_limit: int = Field(MIB, alias="GIGADAY_BODY_LIMIT", ge=1024)
    batch_limit_bytes: int = Field(16 * MIB, alias="GIGADAY_BATCH_LIMIT_BYTES", ge=1024)
    image_workers: int = Field(1, alias="GIGADAY_IMAGE_WORKERS", ge=1, le=64)
    image_pixels: int = Field(100_000_000, alias="GIGADAY_IMAGE_PIXELS", ge=1_000_000)
    anonymous_quota: int = Field(100, alias="GIGADAY_ANONYMOUS_QUOTA", ge=1)
    anonymous_window: int = Field(900, alias="GIGADAY_ANONYMOUS_WINDOW", ge=1)
    max_in_flight: int = Field(1000, alias="GIGADAY_MAX_IN_FLIGHT", ge=1)
    request_timeout: float = Field(10.0, alias="GIGADAY_REQUEST_TIMEOUT", gt=0, le=3600)
    drain_seconds: float = Field(5.0, alias="GIGADAY_DRAIN_SECONDS", ge=0, le=3600)
    legacy_rate_headers: bool = Field(False, alias="GIGADAY_LEGACY_RATE_HEADERS")
    access_log: bool = Field(False, alias="GIGADAY_ACCESS_LOG")
    log_format: Literal["console", "json"] = Field("console", alias="GIGADAY_LOG_FORMAT")

    @property
    def workers(self) -> int:
        """Processes that serve: one a core where they can share a cache and limits, unless a number is set."""
        if self.cluster_size != "auto":
            return self.cluster_size
        return (os.cpu_count() or 1) if self.redis_cluster_urls else 1

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    def note_sources(self, sources: Mapping[str, str]) -> None:
        """Remembers where the values of these names came from."""
        self._sources.update(sources)

    def source_of(self, name: str) -> str:
        """Where the value of the setting `name` came from: default, a file or the environment."""
        return self._sources.get(name, "default")


NAMES: dict[str, str] = {str(field.alias): name for name, field in Settings.model_fields.items()}
"""Each setting's name and its attribute."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `environ` (the process's own environment where None) and of the file that it names.

    Raises SettingsError with one message naming every fault.
    """
    environ = os.environ if environ is None else environ
    stated, file_faults = _file(environ.get(CONFIG))
    faults = [*file_faults, *_unknown(environ)]
    given = {name: value for name, value in environ.items() if name in NAMES and value != ""}
    settings, wrong = _validated({**stated, **given})
    faults += wrong
    if faults or settings is None:
        raise SettingsError("These settings are wrong:\n" + "\n".join(f"  {fault}" for fault in faults))
    settings.note_sources(dict.fromkeys(stated, f"file {environ.get(CONFIG)}") | dict.fromkeys(given, "environment"))
    return settings


def describe(settings: Settings) -> list[dict[str, Any]]:
    """Each setting's name, value (secrets masked) and source: default, file or environment."""
    values = settings.model_dump(mode="json")  # writes a secret as asterisks
    return [
        {"setting": name, "value": values[attribute], "source": settings.source_of(name)}
        for name, attribute in NAMES.items()
    ]


def _file(path: str | None) -> tuple[dict[str, Any], list[str]]:
    if not path:
        return {}, []
    try:
        read = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return {}, [f"{CONFIG}: the file {path} cannot be read: {error}"]
    stated = {name.upper(): value for name, value in read.items()}
    faults = [f"{_advice(name)} (in {path})" for name in stated if name not in NAMES]
    return {name: value for name, value in stated.items() if name in NAMES}, faults


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environ):
        if name.startswith(OURS) and name not in NAMES and name != CONFIG and not _linked(name, environ[name]):
            yield _advice(name)


def _linked(name: str, value: str) -> bool:
    plain_port = name.endswith("_PORT") and not name.endswith("_SERVICE_PORT")
    return bool(_SERVICE_LINK.search(name)) and (not plain_port or "://" in value)


def _advice(name: str) -> str:
    meant = nearest(name, [*NAMES, CONFIG])
    return f"{name}: there is no such setting; " + (f"did you mean {meant}?" if meant else "remove it")


def _validated(given: Mapping[str, Any]) -> tuple[Settings | None, list[str]]:
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        # One fault a setting: a value that fits no branch of a union reports each of them.
        return None, list({str(item["loc"][0]): f"{item['loc'][0]}: {item['msg']}" for item in error.errors()}.values())
    return settings, list(_contradictions(settings))


def _contradictions(settings: Settings) -> Iterator[str]:
    yield from _of_process(settings)
    yield from _of_redis(settings)
    yield from _of_mongodb(settings)
    yield from _of_s3(settings)
    yield from _of_cdn(settings)


def _of_process(settings: Settings) -> Iterator[str]:
    if settings.workers > 1 and not settings.redis_cluster_urls:
        yield (
            f"CLUSTER_SIZE: {settings.workers} workers would each keep their own limits and cache; set "
            "REDIS_CLUSTER_URLS, which they then share, or set it to 1 or auto"
        )
    if settings.pepper is not None and len(settings.pepper.get_secret_value()) < _LEAST_PEPPER:
        yield f"GIGADAY_PEPPER: at least {_LEAST_PEPPER} characters are needed, for example from: openssl rand -hex 32"


def _of_redis(settings: Settings) -> Iterator[str]:
    urls = {"REDIS_CLUSTER_URLS": settings.redis_cluster_urls, "REDIS_BACKUP_URLS": settings.redis_backup_urls}
    for name, value in urls.items():
        if value and not _REDIS_URLS.fullmatch(value):
            yield f"{name}: it has to list members as host:port, separated by commas, such as redis-1:6379,redis-2:6379"
    if not settings.redis_cluster_urls:
        for name, stated in (
            ("REDIS_BACKUP_URLS", settings.redis_backup_urls),
            ("REDIS_PASSWORD", settings.redis_password),
        ):
            if stated:
                yield f"{name}: it needs REDIS_CLUSTER_URLS beside it"


def _of_mongodb(settings: Settings) -> Iterator[str]:
    if settings.mongodb_uri is None:
        return
    if not settings.mongodb_uri.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
        yield "MONGODB_URI: it has to begin with mongodb:// or mongodb+srv://"
    if settings.pepper is None:
        yield "GIGADAY_PEPPER: MONGODB_URI needs it, the same on every node; make one with: openssl rand -hex 32"
    if settings.mongodb_min_pool_size > settings.mongodb_max_pool_size:
        yield "MONGODB_MIN_POOL_SIZE: it is larger than MONGODB_MAX_POOL_SIZE"


def _of_s3(settings: Settings) -> Iterator[str]:
    if settings.s3_bucket is None:
        if settings.s3_endpoint is not None:
            yield "S3_ENDPOINT: it needs S3_BUCKET beside it"
    elif (settings.aws_access_key_id is None) != (settings.aws_secret_access_key is None):
        yield "AWS_ACCESS_KEY_ID: it and AWS_SECRET_ACCESS_KEY are set together or not at all"


def _of_cdn(settings: Settings) -> Iterator[str]:
    if settings.cloudfront_domain is not None:
        yield from _of_cloudfront(settings)
        return
    for name, stated in _CLOUDFRONT:
        if stated(settings) is not None:
            yield f"{name}: it needs CLOUDFRONT_DOMAIN beside it"
    if settings.cdn_endpoint is not None and not settings.cdn_purge_urls:
        yield "CDN_ENDPOINT: it needs CDN_PURGE_URLS (where the cache takes PURGE) or CLOUDFRONT_DOMAIN beside it"
    if settings.cdn_purge_urls and settings.cdn_endpoint is None:
        yield "CDN_PURGE_URLS: it needs CDN_ENDPOINT beside it, the address that clients reach the cache at"


def _of_cloudfront(settings: Settings) -> Iterator[str]:
    for name, stated in _CLOUDFRONT:
        if stated(settings) is None:
            yield f"CLOUDFRONT_DOMAIN: it needs {name} beside it"
    if settings.s3_bucket is None:
        yield "CLOUDFRONT_DOMAIN: it needs S3_BUCKET beside it, which it delivers from"
    if settings.cdn_purge_urls:
        yield "CDN_PURGE_URLS: CloudFront is not purged by address; set either it or CLOUDFRONT_DOMAIN"


_CLOUDFRONT: tuple[tuple[str, Callable[[Settings], object]], ...] = (
    ("CLOUDFRONT_DISTRIBUTION_ID", lambda settings: settings.cloudfront_distribution_id),
    ("CLOUDFRONT_KEY_PAIR_ID", lambda settings: settings.cloudfront_key_pair_id),
    ("CLOUDFRONT_PRIVATE_KEY", lambda settings: settings.cloudfront_private_key),
)
"""What CloudFront needs besides its domain."""
