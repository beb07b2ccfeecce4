"""The conference wire's HTTP routes; config/urls.py serves them at the root and under /backend."""

from django.urls import URLPattern, path

from gateways.conference import views

urlpatterns: list[URLPattern] = [
    path("login", views.login),
    path("auth", views.auth),
    path("validate", views.validate),
    path("room_list", views.room_list),
    path("vote", views.votes),
    path("vote/<str:code>", views.vote),
    path("vote/<str:code>/add", views.vote_by_get, {"more": True}),
    path("vote/<str:code>/remove", views.vote_by_get, {"more": False}),
    path("transcript_list", views.transcript_list),
    path("room/<str:code>/transcript/<str:lang>", views.transcript),
    path("room/<str:code>/close", views.close),
]
