"""URLs of this server: the wires' and the pages'."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt

import gateways.conference.urls
import pages.urls
from config import wires
from config.health import health, ready
from config.metrics import metrics
from pages.failures import wants_page
from pages.language import choose_language
from pages.login import login as login_page

api: list[URLPattern | URLResolver] = [path("health", health), path("", include("gateways.conference.urls"))]
login_of_wire = next(
    route.callback for route in gateways.conference.urls.urlpatterns if str(route.pattern) == "login"
)


@csrf_exempt  # the wire reads no cookie; the page's form is posted elsewhere
def login(request: HttpRequest) -> HttpResponseBase:
    """One address: a page for who opens it in a browser, the conference wire's for everything else."""
    if request.method in ("GET", "HEAD") and wants_page(request):
        choose_language(request)  # the address is no page's alone
        page: HttpResponse = login_page(request)
        return page
    answer: HttpResponseBase = login_of_wire(request)
    return answer


admin.site.site_header = admin.site.site_title = "Souffleur"
urlpatterns = [
    path("metrics", metrics),
    path("ready", ready),
    path("admin/", admin.site.urls),
    path("", include("config.api_docs")),
    path("", include("gateways.captions.urls")),
    *wires.optional_urls(),
    path("login", login),
    path("", include(api)),
    path("backend/", include(api)),
    path("", include("pages.urls")),
]
handler400, handler403 = pages.urls.handler400, pages.urls.handler403
handler404, handler500 = pages.urls.handler404, pages.urls.handler500
