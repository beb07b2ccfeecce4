"""Django's settings, made from the typed environment (config/env)."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from config import catalogues
from config.content_policy import content_policy
from config.database import connection_settings
from config.env import BASE_DIR, read_env
from config.layout import celery_url, layout
from config.logging import logging_config
from rooms.redis_connections import CachePool, broker_options, channel_layer_host

django_stubs_ext.monkeypatch()  # `admin.ModelAdmin[Room]` where the program runs, too

ENV = read_env()
DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key or "development-only-" + "x" * 40
ALLOWED_HOSTS = ENV.allowed_hosts
VAR_DIR: Path = ENV.var_dir.resolve()
METRICS_DIR: Path = (ENV.metrics_dir or VAR_DIR / "metrics").resolve()

INSTALLED_APPS = [
    # Django's development server then serves sockets; it installs Twisted's reactor wherever it is imported
    *(["daphne"] if sys.argv[1:2] == ["runserver"] else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "ops",
    "config",
    "rooms",
    "transcripts",
    "asr",
    "asr.rooms",
    "translation",
    "gateways.conference",
    "gateways.speech",
    "pages",
]
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.permissions.PermissionsMiddleware",
    "pages.compression.PageGZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "pages.language.PageLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pages.appearance.of_page",
            ],
        },
    },
]

# --- PostgreSQL, Redis
EMBEDDED = layout(VAR_DIR)
DATABASE_URL = ENV.database_url or EMBEDDED.database_url
REDIS_URL = ENV.redis_url or EMBEDDED.redis_url
DATABASES: dict[str, Any] = {"default": connection_settings(ENV, DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [channel_layer_host(REDIS_URL)],
            "prefix": "souffleur",
        },
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": [REDIS_URL],  # Django would cut a text at its commas
        # Whoever asks the cache can do without it: once more after a broken connection, never long.
        "OPTIONS": {
            "pool_class": CachePool,
            "socket_timeout": 1.0,
            "socket_connect_timeout": 1.0,
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        },
    },
    # What each process may keep for a moment.
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "process"},
}

# --- Celery (read by config/celery.py with the prefix CELERY_)
CELERY_BROKER_URL = celery_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "sweeps"
CELERY_TASK_ROUTES = {
    "asr.tasks.serve_room": {"queue": "asr"},
    "translation.tasks.*": {"queue": "translation"},
}
CELERY_WORKER_POOL = "asr.pool:RoomPool"  # where a worker is started with -P prefork: on the queue "asr"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = None
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 120.0  # a child loads its model before it says that it is up
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A Redis that is full or cannot save answers with errors: wait for it as for one that is away, or the worker
# dies and takes its rooms' processes with it.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **broker_options(REDIS_URL),
    "visibility_timeout": int(timedelta(hours=24).total_seconds()),
    "socket_connect_timeout": 3,
    "retry_on_timeout": True,
}
CELERY_BEAT_SCHEDULE = {
    "sweep-sessions": {"task": "asr.tasks.sweep_sessions", "schedule": 2.0, "options": {"expires": 2}},
    "sweep-translation": {
        "task": "translation.tasks.sweep",
        "schedule": 2.0,
        "options": {
            "queue": "sweeps",
            "expires": 2,
        },  # while every translation worker waits for a slow engine
    },
    "import-schedule": {
        "task": "rooms.tasks.import_schedule",
        "schedule": timedelta(minutes=ENV.schedule_refresh_min),
        "options": {"expires": 600},
    },
    "retention": {
        "task": "transcripts.tasks.delete_old_transcripts",
        "schedule": timedelta(hours=1),
        "options": {"expires": 600},
    },
    "tombstones": {
        "task": "transcripts.tasks.purge_tombstones",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "expired-data-keys": {
        "task": "rooms.tasks.destroy_expired_data_keys",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "expired-keys": {
        "task": "rooms.tasks.delete_expired_keys",
        "schedule": timedelta(hours=1),
        "options": {"expires": 600},
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- the web
CORS_ALLOWED_ORIGINS = ENV.cors_allowed_origins
CORS_ALLOW_HEADERS = ["content-type", "ngrok-skip-browser-warning", "accept"]
CORS_ALLOW_CREDENTIALS = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = ENV.https_only and not DEBUG
SECURE_SSL_REDIRECT = ENV.https_only and not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^(backend/)?healthz?$", r"^metrics$", r"^ready$"]
SECURE_HSTS_SECONDS = 31_536_000 if ENV.https_only and not DEBUG else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.trust_proxy else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = content_policy(ENV.statistics_url)
SESSION_COOKIE_AGE = int(timedelta(hours=16).total_seconds())  # a day of a conference
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
LANGUAGE_COOKIE_SECURE = CSRF_COOKIE_SECURE
LOGIN_URL = "pages:login"
CSRF_FAILURE_VIEW = "pages.failures.csrf_failed"
APPEND_SLASH = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
LANGUAGES = catalogues.languages()
LOCALE_PATHS = [catalogues.compiled_folder(VAR_DIR)]
USE_I18N = True
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True
TIME_ZONE = ENV.event_time_zone
AUTHENTICATION_BACKENDS = ["rooms.passwords.MarkedBackend"]
PASSWORD_HASHERS = ["rooms.passwords.MarkedHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

LOGGING_CONFIG = None
logging_config(level=ENV.log_level, as_json=ENV.log_json)
