"""The login of the admin's pages: wrong passwords are counted as everywhere, right ones get in whatever was counted."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from rooms.address import address_of
from rooms.errors import DomainError
from rooms.throttle import count_failure


class AdminLoginForm(AdminAuthenticationForm):
    """Django's, which knows no limit."""

    def clean(self) -> Any:
        """Raises ValidationError, with `too_many_attempts` once an address guesses."""
        try:
            return super().clean()
        except ValidationError:
            self._count()
            raise

    def _count(self) -> None:
        if self.request is None:
            return
        try:
            count_failure(address_of(self.request))
        except DomainError as error:
            words = _("Too many wrong passwords came from this network. Wait a minute, then try again.")
            raise ValidationError(words, code=error.code) from None
