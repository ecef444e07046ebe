"""The web application: its parts, its templates, its files, and what browsers are told."""

from typing import Any

from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels

from amicopy.settings.environment import BASE_DIR, HTTPS_ONLY, SANDBOX, SESSION_IDLE_MINUTES

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    # As it is, without changing TEMPLATES at start: the loader stands below.
    "django_cotton.apps.SimpleAppConfig",
    "csp",
    "amicopy.audit",
    "amicopy.notify",
    "amicopy.copies",
    "amicopy.web",
    "amicopy.api",
    "amicopy.local",
]
if SANDBOX:
    INSTALLED_APPS.append("amicopy.sandbox")

MIDDLEWARE = [
    "amicopy.web.door.permissions_policy",
    "amicopy.web.door.behind_proxies",
    "amicopy.web.door.by_any_name",
    "amicopy.web.access_log.access_log",
    "amicopy.web.door.only_utf8",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Closed by default; also answers polls that change nothing.
    "amicopy.web.sign_on_sessions.ChecksSignOn",
    "amicopy.web.sign_in_required.SignInRequired",
    "amicopy.web.sessions.KeepsSessions",
    "amicopy.web.second_step.LeadsToSetUp",
    "amicopy.web.password_again.AsksAgain",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "amicopy.web.preferences.own_time_zone",
]

ROOT_URLCONF = "amicopy.urls"
WSGI_APPLICATION = "amicopy.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    # The first compiles components, `<c-…>`; what it doesn't find, it passes on.
                    ["django_cotton.cotton_loader.Loader", "django.template.loaders.filesystem.Loader"],
                ),
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "amicopy.web.templatetags.amicopy",
                "amicopy.web.templatetags.times",
            ],
        },
    }
]
# Components live in templates/_components/ and see nothing but their parameters and what every page has.
COTTON_DIR = "_components"
COTTON_ISOLATE_BY_DEFAULT = True

# --- people ---
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign-in"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
# In the sandbox files are served from where they are; production collects them first.
STATIC_ROOT = None if SANDBOX else BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = SANDBOX
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if not SANDBOX
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# htmx needs no eval and no inline style: see `htmx-config` in templates/base.html.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
# The colours of the interface, see design tokens in static/amicopy.css.
MESSAGE_TAGS = {message_levels.SUCCESS: "ok", message_levels.WARNING: "warn", message_levels.ERROR: "fail"}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "amicopy.web.session_store"
# Of a session in which nobody has signed in yet; of others see amicopy/web/sessions.py.
SESSION_COOKIE_AGE = SESSION_IDLE_MINUTES * 60
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
# What load balancers, clusters and Prometheus ask each process for, by its own address and without TLS.
OF_EACH_PROCESS = ("/healthz", "/readyz", "/metrics")
SECURE_REDIRECT_EXEMPT = [f"^{path.removeprefix('/')}$" for path in OF_EACH_PROCESS]
# The header is there only when a trusted proxy sent it: see `behind_proxies` in amicopy/web/door.py.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# What a form that is filled to its limits has, and then some; longer requests aren't read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
# No page takes files, so none is read, kept in memory or written to disk.
FILE_UPLOAD_HANDLERS = ["amicopy.web.uploads.NoUploads"]
