"""The addresses of the pages, and under /api what they do. A page's module has `urlpatterns`, `router` or both."""

from django.urls import URLPattern, URLResolver, include, path

from pages import (
    appearance,
    archive,
    captioner,
    demo_echo,
    demo_interpreter,
    demo_meetings,
    failures,
    host,
    index,
    live,
    live_translation,
    login,
    manifest,
    screen,
    terms,
    transcript,
    transcript_edit,
    transcript_files,
    viewer,
)
from pages.api import PagesAPI

PAGES = [
    index, login, appearance, manifest, viewer, screen, host, terms, captioner, live, live_translation, archive, transcript, transcript_edit, transcript_files,
    demo_echo, demo_interpreter, demo_meetings,
]  # fmt: skip

api = PagesAPI(title="Souffleur, pages", urls_namespace="pages_api", docs_url=None, openapi_url=None)
for page in PAGES:
    if hasattr(page, "router"):
        api.add_router("", page.router)

app_name = "pages"
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", api.urls),
    *(path("", include(page.urlpatterns)) for page in PAGES if hasattr(page, "urlpatterns")),
]
handler400, handler403, handler404, handler500 = (
    failures.bad_request,
    failures.forbidden,
    failures.not_found,
    failures.server_error,
)
