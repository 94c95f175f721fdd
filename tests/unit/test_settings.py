"""What can be set, what is refused, and what the refusal says."""

from pathlib import Path

import pytest

from gigaday.errors import SettingsError
from gigaday.settings import NAMES, describe, load

PEPPER = "0123456789abcdef0123456789abcdef"
CLOUDFRONT = {
    "CLOUDFRONT_DOMAIN": "x.cloudfront.net", "CLOUDFRONT_DISTRIBUTION_ID": "D", "CLOUDFRONT_KEY_PAIR_ID": "K",
    "CLOUDFRONT_PRIVATE_KEY": "key.pem", "S3_BUCKET": "b",
}  # fmt: skip


def refusal(**environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(environ)
    return str(refused.value)


def sources(environ: dict[str, str]) -> dict[str, str]:
    return {row["setting"]: row["source"] for row in describe(load(environ))}


def test_nothing_needs_to_be_set() -> None:
    settings = load({})
    assert settings.port == 8080
    assert settings.data_dir == Path(".gigaday")
    assert settings.mongodb_uri is None
    assert settings.workers == 1
    assert (settings.mongodb_max_pool_size, settings.mongodb_min_pool_size) == (1000, 50)


def test_the_environment_sets_values_of_every_kind() -> None:
    settings = load(
        {
            "PORT": "9000",
            "CLUSTER_SIZE": "auto",
            "GIGADAY_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8",
            "GIGADAY_LEGACY_RATE_HEADERS": "true",
            "GIGADAY_REQUEST_TIMEOUT": "2.5",
        }
    )
    assert (settings.port, settings.workers, settings.request_timeout) == (9000, 1, 2.5)
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "fd00::/8"]
    assert settings.legacy_rate_headers


def test_an_empty_value_counts_as_not_set() -> None:
    assert load({"MONGODB_URI": "", "PORT": ""}).port == 8080


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "gigaday.toml"
    file.write_text('port = 9001\nhost = "0.0.0.0"\ngigaday_trusted_proxies = ["10.0.0.0/8"]\n')
    environ = {"GIGADAY_CONFIG": str(file), "PORT": "9002"}
    settings = load(environ)
    assert (settings.port, settings.host, len(settings.trusted_proxies)) == (9002, "0.0.0.0", 1)
    told = sources(environ)
    assert told["PORT"] == "environment"
    assert told["HOST"] == f"file {file}"
    assert told["MONGODB_URI"] == "default"


def test_one_message_names_every_fault() -> None:
    message = refusal(PORT="none", GIGADAY_MAX_IN_FLIGHT="0", MONGODB_URL="x", GIGADAY_TRUSTED_PROXIES="nowhere")
    for name in ("PORT:", "GIGADAY_MAX_IN_FLIGHT:", "MONGODB_URL:", "GIGADAY_TRUSTED_PROXIES:"):
        assert message.count(name) == 1
    assert "did you mean MONGODB_URI?" in message


def test_origins_are_schemes_and_hosts_or_any() -> None:
    assert load({"GIGADAY_CORS_ORIGINS": "https://a.test, http://b.test:8080"}).cors_origins == (
        "https://a.test", "http://b.test:8080",
    )  # fmt: skip
    assert load({"GIGADAY_CORS_ORIGINS": "*"}).cors_origins == ("*",)
    for wrong in ("a.test", "https://a.test/", "https://*.a.test", "null"):
        assert "GIGADAY_CORS_ORIGINS:" in refusal(GIGADAY_CORS_ORIGINS=wrong)


@pytest.mark.parametrize(("wrong", "meant"), [("GIGADAY_PORT", "PORT"), ("S3_BUKET", "S3_BUCKET")])
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, meant: str) -> None:
    assert f"{wrong}: there is no such setting; did you mean {meant}?" in refusal(**{wrong: "1"})


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "gigaday.toml"
    file.write_text("portt = 1\n")
    assert "did you mean PORT?" in refusal(GIGADAY_CONFIG=str(file))


def test_a_file_that_is_missing_or_broken_is_a_fault(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(GIGADAY_CONFIG=str(tmp_path / "none.toml"))
    (tmp_path / "broken.toml").write_text("port = = 1")
    assert "cannot be read" in refusal(GIGADAY_CONFIG=str(tmp_path / "broken.toml"))


def test_names_that_orchestrators_inject_are_not_faults() -> None:
    load({"GIGADAY_SERVICE_HOST": "10.0.0.1", "GIGADAY_PORT": "tcp://10.0.0.1:80", "MONGODB_PORT_27017_TCP_ADDR": "x"})


def test_more_workers_are_refused_with_what_is_lacking() -> None:
    assert "limits" in refusal(CLUSTER_SIZE="4")


def test_mongodb_needs_a_shared_pepper() -> None:
    assert "GIGADAY_PEPPER" in refusal(MONGODB_URI="mongodb://db")
    assert load({"MONGODB_URI": "mongodb://db", "GIGADAY_PEPPER": PEPPER}).mongodb_uri is not None


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"GIGADAY_PEPPER": "short"}, "GIGADAY_PEPPER"),
        ({"MONGODB_URI": "localhost", "GIGADAY_PEPPER": PEPPER}, "MONGODB_URI"),
        ({"S3_ENDPOINT": "https://s3.example"}, "S3_BUCKET"),
        ({"S3_BUCKET": "b", "S3_ENDPOINT": "s3.example"}, "S3_ENDPOINT"),
        ({"S3_BUCKET": "b", "AWS_ACCESS_KEY_ID": "id"}, "AWS_SECRET_ACCESS_KEY"),
        ({"CDN_ENDPOINT": "https://cdn.example.com"}, "CDN_PURGE_URLS"),
        ({"CDN_PURGE_URLS": "http://a:1"}, "CDN_ENDPOINT"),
        ({"CDN_ENDPOINT": "https://cdn.example.com/media", "CDN_PURGE_URLS": "http://a:1"}, "CDN_ENDPOINT"),
        ({"CDN_ENDPOINT": "https://cdn.example.com", "CDN_PURGE_URLS": "a:1"}, "CDN_PURGE_URLS"),
        ({"CLOUDFRONT_KEY_PAIR_ID": "K"}, "CLOUDFRONT_DOMAIN"),
        ({**CLOUDFRONT, "CLOUDFRONT_PRIVATE_KEY": ""}, "CLOUDFRONT_PRIVATE_KEY"),
        ({**CLOUDFRONT, "S3_BUCKET": ""}, "S3_BUCKET"),
        ({**CLOUDFRONT, "CDN_PURGE_URLS": "http://a:1"}, "CDN_PURGE_URLS"),
        ({**CLOUDFRONT, "CLOUDFRONT_DOMAIN": "https://x.cloudfront.net"}, "CLOUDFRONT_DOMAIN"),
    ],
)
def test_settings_that_contradict_are_refused(environ: dict[str, str], named: str) -> None:
    assert named in refusal(**environ)


def test_a_secret_is_never_shown() -> None:
    environ = {"GIGADAY_PEPPER": PEPPER, "MONGODB_URI": "mongodb://user:hunter2@db", "AWS_SECRET_ACCESS_KEY": "hunter3"}
    shown = repr(describe(load(environ))) + repr(load(environ)) + refusal(**{**environ, "PORT": "x"})
    assert not any(secret in shown for secret in (PEPPER, "hunter2", "hunter3"))


def test_every_setting_is_described() -> None:
    assert [row["setting"] for row in describe(load({}))] == list(NAMES)


def test_a_cdn_may_have_an_address_of_its_own() -> None:
    caches = load({"CDN_ENDPOINT": "https://cdn.example.com", "CDN_PURGE_URLS": "http://a:1, http://b:2"})
    assert caches.cdn_purge_urls == ("http://a:1", "http://b:2")
    assert load({**CLOUDFRONT, "CDN_ENDPOINT": "https://cdn.example.com"}).cloudfront_domain == "x.cloudfront.net"
