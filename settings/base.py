"""What every environment shares. Values come from the environment; see `.env.example` for their names."""

import logging
import os
from pathlib import Path

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from settings import environment, logs

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("QIANSHU_VAR_DIR") or BASE_DIR / "var")

HOW_TO_GET_SERVERS = "or leave both unset and run through `make` or `python -m settings.embedded COMMAND`."
DATABASE_URL = environment.required("DATABASE_URL", f"postgresql://user:password@host/name, {HOW_TO_GET_SERVERS}")
REDIS_URL = environment.required("REDIS_URL", f"redis://:password@host:6379/0, {HOW_TO_GET_SERVERS}")
CACHE_URL = os.environ.get("CACHE_URL") or environment.redis_database(REDIS_URL, 1)

# --- Applications -----------------------------------------------------------------------------------------------------

ROOMS = [
    "market.reports",
    "market.documents",
    "market.banking",
    "market.delivery",
    "market.settlement",
    "market.negotiation",
    "market.billing",
    "market.orders",
    "market.catalog",
    "market.ledger",
    "accounts",
    "market.outbox",
    "market.api",
    "market.audit",
    "market.workspaces",
    "market.kernel",
]
INSTALLED_APPS = [
    *ROOMS,
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
]
MIDDLEWARE = [
    "settings.health.Probes",
    "settings.middleware.ExpressLane",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "settings.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "settings.middleware.RequestLog",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "settings.urls"
WSGI_APPLICATION = "settings.wsgi.application"
ASGI_APPLICATION = "settings.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "settings" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": environment.database(DATABASE_URL)}
DATABASES["default"] |= {
    "CONN_MAX_AGE": environment.integer("DATABASE_CONN_MAX_AGE", 600),
    "CONN_HEALTH_CHECKS": True,
}
# A statement's text is the same each time only when its parameters travel apart from it: server-side binding is what
# lets psycopg prepare a statement at its fifth use and skip parsing and planning from then on. Django turns both off
# for the sake of connection poolers; behind PgBouncer before 1.21 set DATABASE_PREPARE_THRESHOLD=-1.
PREPARE_THRESHOLD = environment.integer("DATABASE_PREPARE_THRESHOLD", 5)
DATABASES["default"]["OPTIONS"] |= {
    "server_side_binding": True,
    "prepare_threshold": PREPARE_THRESHOLD if PREPARE_THRESHOLD >= 0 else None,
}

# --- Trade ------------------------------------------------------------------------------------------------------------

# Days after which an order whose delivery failed is refunded by itself, unless an operator sends it back to delivery.
ORDER_FAILED_REFUND_DAYS = environment.integer("ORDER_FAILED_REFUND_DAYS", 3)
# Days that an order beyond the wallet's balance waits for money, and one beyond a spending limit for approval.
ORDER_FUNDS_DAYS = environment.integer("ORDER_FUNDS_DAYS", 7)
ORDER_APPROVAL_DAYS = environment.integer("ORDER_APPROVAL_DAYS", 7)
# Days in which a vendor may answer a dispute; after them the operator decides without it.
DISPUTE_ANSWER_DAYS = environment.integer("DISPUTE_ANSWER_DAYS", 5)
# Days in which the operator is to decide a dispute once the vendor has answered or missed its time; then it escalates.
DISPUTE_DECISION_DAYS = environment.integer("DISPUTE_DECISION_DAYS", 10)
# Days after which a proposed change of a contract is void unless the other side has confirmed it.
ORDER_AMENDMENT_DAYS = environment.integer("ORDER_AMENDMENT_DAYS", 14)
# Days in which a vendor, or a buyer who was asked back, must answer in a quote; after them the quote expires.
QUOTE_ANSWER_DAYS = environment.integer("QUOTE_ANSWER_DAYS", 14)
# Days after the end of metered use in which its vendor may still report it; then comes the last statement.
USAGE_LATE_DAYS = environment.integer("USAGE_LATE_DAYS", 3)

# A late instalment suspends its subscription after so many days, and ends it after so many more.
SUBSCRIPTION_GRACE_DAYS = environment.integer("SUBSCRIPTION_GRACE_DAYS", 7)
SUBSCRIPTION_SUSPENDED_DAYS = environment.integer("SUBSCRIPTION_SUSPENDED_DAYS", 14)

# A purpose that a buyer asks for is decided within so many days or expires; approved, it lets order for as long.
PURPOSE_APPROVAL_DAYS = environment.integer("PURPOSE_APPROVAL_DAYS", 45)

# --- Redis: hints for Celery (database 0), cache (database 1 or another server) ---------------------------------------

CELERY_BROKER_URL = REDIS_URL
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "qianshu",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    },
}

# --- Durable work -----------------------------------------------------------------------------------------------------

# Every worker looks for work whose hint was lost this often, and hints the same job again after this long.
OUTBOX_SWEEP_SECONDS = environment.integer("OUTBOX_SWEEP_SECONDS", 2)
OUTBOX_REHINT_SECONDS = environment.integer("OUTBOX_REHINT_SECONDS", 15)
# Hints are gathered for so long and sent together; with 0 each is sent when its transaction commits.
OUTBOX_GATHER_MS = environment.integer("OUTBOX_GATHER_MS", 0)
# A job whose worker died is free again after this long; a long handler renews its lease meanwhile.
OUTBOX_LEASE_SECONDS = environment.integer("OUTBOX_LEASE_SECONDS", 60)

# --- Workspaces -------------------------------------------------------------------------------------------------------

# The curves of the first pages are counted again after this long; 0 is at each look.
DASHBOARD_SECONDS = environment.integer("DASHBOARD_SECONDS", 60)

# --- Delivery ---------------------------------------------------------------------------------------------------------

# A download link is good for this long; a download that has begun goes on to its end.
DOWNLOAD_LINK_SECONDS = environment.integer("DOWNLOAD_LINK_SECONDS", 900)

# --- Settlement -------------------------------------------------------------------------------------------------------

# T+N: what is captured on day T is due on the N-th business day after it (Asia/Shanghai).
SETTLEMENT_DAYS = environment.integer("SETTLEMENT_DAYS", 1)
# Fen. A vendor's earnings below the least wait for the next run; a payout above the limit takes two persons.
PAYOUT_MINIMUM = environment.integer("PAYOUT_MINIMUM", 0)
PAYOUT_APPROVAL_ABOVE = environment.integer("PAYOUT_APPROVAL_ABOVE", 100_000_000)

# Days between an operator's approval of a vendor's new bank account and its first use: the vendor can still withdraw.
BANK_ACCOUNT_COOLING_DAYS = environment.integer("BANK_ACCOUNT_COOLING_DAYS", 3)

# --- The exchange's account at its bank -------------------------------------------------------------------------------

# Online payment providers that buyers may pay by, the first by default; without any, only bank transfers.
PAYMENT_PROVIDERS = environment.words("PAYMENT_PROVIDERS")
# Where the buyer's browser goes from the provider's page: a page of the buyer's own programs.
PAYMENT_RETURN_URL = os.environ.get("PAYMENT_RETURN_URL", "")
# From its start on, an online payment can be begun for so long; Stripe takes 30 minutes to a day.
PAYMENT_MINUTES = environment.integer("PAYMENT_MINUTES", 60)
STRIPE_SECRET_KEY = os.environ.get("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = os.environ.get("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API = os.environ.get("STRIPE_API", "https://api.stripe.com")

# IBAN or domestic number; the operator organisation's bank account when it is empty.
EXCHANGE_BANK_ACCOUNT = os.environ.get("EXCHANGE_BANK_ACCOUNT", "")
# Of the bank that keeps it, as payment files name it; a bank that knows its customers needs none.
EXCHANGE_BANK_BIC = os.environ.get("EXCHANGE_BANK_BIC", "")

# --- Monitoring -------------------------------------------------------------------------------------------------------

# Whoever sends it as a bearer token may read /metrics; without one the address does not exist.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")

# Account numbers stand encrypted in the database: Fernet keys, separated by commas. The first encrypts, all decrypt; a
# new one goes in front, then `manage.py reencrypt`. Without any, a key derived from SECRET_KEY.
FIELD_ENCRYPTION_KEYS = environment.words("FIELD_ENCRYPTION_KEYS")

# --- People -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = reverse_lazy("vendor:login")

# --- Language and time ------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Files ------------------------------------------------------------------------------------------------------------


def private_files(folder: str) -> dict:
    """A store that no URL leads to: a view checks who asks, then streams."""
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": VAR_DIR / folder,
            "base_url": None,
            "file_permissions_mode": 0o640,
            "directory_permissions_mode": 0o750,
        },
    }


STORAGES = {
    "default": private_files("files"),
    "assets": private_files("assets"),
    "reports": private_files("reports"),
    "invoices": private_files("invoices"),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# What browsers and robots ask for at the root.
WHITENOISE_ROOT = BASE_DIR / "settings" / "public"

# A body that is not a file is read into memory, so it is small; files go to disk past 1 MiB.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 50
FILE_UPLOAD_HANDLERS = [
    "market.catalog.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
API_MAX_JSON_BYTES = environment.integer("API_MAX_JSON_BYTES", 1024 * 1024)
INVOICE_MAX_BYTES = environment.integer("INVOICE_MAX_BYTES", 20 * 1024**2)
ASSET_MAX_BYTES = environment.integer("ASSET_MAX_BYTES", 2 * 1024**3)

# --- HTTP edge --------------------------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
CSRF_COOKIE_SAMESITE = "Lax"

# The number of our own proxies in front. None would let a client choose its own address by sending X-Forwarded-For.
NUM_PROXIES = environment.integer("NUM_PROXIES", 0)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["market.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["market.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["market.api.renderers.FastJSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "market.api.paging.CursorPaging",
    "DEFAULT_SCHEMA_CLASS": "market.api.openapi.Operation",
    "EXCEPTION_HANDLER": "market.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "NUM_PROXIES": NUM_PROXIES,
}
SPECTACULAR_SETTINGS = {
    "DEFAULT_GENERATOR_CLASS": "market.api.openapi.Description",
    "TITLE": "Qianshu data exchange",
    "DESCRIPTION": "Find, order, receive and accept data products.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    # Names that stay when another room starts to use a field of the same name.
    "ENUM_NAME_OVERRIDES": {
        "AccountKind": "market.ledger.states.AccountKind",
        "AmendmentState": "market.orders.states.AmendmentState",
        "ApprovalState": "market.catalog.states.ApprovalState",
        "Capacity": "accounts.states.Capacity",
        "DisputeReason": "market.orders.states.DisputeReason",
        "DisputeState": "market.orders.states.DisputeState",
        "DisputeVerdict": "market.orders.states.Verdict",
        "EvidenceKind": "market.orders.states.EvidenceKind",
        "ContractSide": "market.orders.states.ContractSide",
        "DeliveryState": "market.delivery.states.DeliveryState",
        "EndReason": "market.billing.states.EndReason",
        "Grade": "market.catalog.states.Grade",
        "IntentState": "market.banking.states.IntentState",
        "InvoiceColour": "market.documents.states.Colour",
        "InvoiceKind": "market.documents.states.InvoiceKind",
        "InvoiceState": "market.documents.states.InvoiceState",
        "MeterState": "market.billing.states.MeterState",
        "OfferState": "market.catalog.states.OfferState",
        "OrderState": "market.orders.states.OrderState",
        "OrganizationState": "accounts.states.OrganizationState",
        "PayoutState": "market.settlement.states.PayoutState",
        "PrepaidEnd": "market.catalog.states.PrepaidEnd",
        "PeriodState": "market.billing.states.PeriodState",
        "PriceModel": "market.catalog.states.PriceModel",
        "ProductKind": "market.catalog.states.ProductKind",
        "ProductState": "market.catalog.states.ProductState",
        "QuoteAct": "market.negotiation.states.QuoteAct",
        "QuoteState": "market.negotiation.states.QuoteState",
        "Renewal": "market.billing.states.Renewal",
        "ReportState": "market.reports.states.ReportState",
        "RevisionState": "market.catalog.states.RevisionState",
        "RightsBasis": "market.catalog.states.RightsBasis",
        "Role": "accounts.states.Role",
        "Scope": "accounts.states.Scope",
        "Sector": "market.catalog.states.Sector",
        "SubscriptionState": "market.billing.states.SubscriptionState",
        "TaxpayerType": "accounts.states.TaxpayerType",
        "TradeSide": "market.negotiation.states.Side",
        "TierMode": "market.catalog.states.TierMode",
        "TransferKind": "market.ledger.states.TransferKind",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Logs -------------------------------------------------------------------------------------------------------------

LOGGING_CONFIG = "settings.logs.configure"
LOGGING = logs.logging_settings(logs.lines())
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# One line a request or task, when it ends.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
