"""Production: refuses to start rather than start unsafe. Every refusal says what to set."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from settings import environment
from settings.base import *  # noqa: F403
from settings.base import CACHE_URL, REDIS_URL, STORAGES

if environment.boolean("DEBUG", False):
    raise ImproperlyConfigured("Unset DEBUG: it shows settings and source code to whoever meets an error.")
DEBUG = False

SECRET_KEY = environment.required("SECRET_KEY", "50 or more random characters, kept out of the repository.")
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10 or "for-development" in SECRET_KEY:
    raise ImproperlyConfigured(
        'Set SECRET_KEY to 50 or more random characters: python -c "import secrets; print(secrets.token_urlsafe(50))"'
    )

ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS")
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("Set ALLOWED_HOSTS: the host names served, separated by commas, without a bare *.")
CSRF_TRUSTED_ORIGINS = [f"https://{host.removeprefix('.')}" for host in ALLOWED_HOSTS]

if urlsplit(CACHE_URL).netloc.rpartition("@")[2] == urlsplit(REDIS_URL).netloc.rpartition("@")[2]:
    raise ImproperlyConfigured(
        "Set CACHE_URL to another Redis server than REDIS_URL's: "
        "a cache evicts when memory runs short, a broker must not."
    )

STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}

# TLS ends at our proxy, which says so in this header; set TRUST_X_FORWARDED_PROTO only when it always overwrites it.
if environment.boolean("TRUST_X_FORWARDED_PROTO", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = environment.boolean("SECURE_SSL_REDIRECT", True)
SECURE_HSTS_SECONDS = environment.integer("SECURE_HSTS_SECONDS", 365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# A request does not wait for the broker; see base.py.
OUTBOX_GATHER_MS = environment.integer("OUTBOX_GATHER_MS", 25)
