"""Settings of who may host and administrate."""

from typing import Self

from pydantic import Field, model_validator

from config.env.section import Section

LOGIN_NAME_LENGTH = 64  # of SeededLogin.name


class SpeakersEnv(Section):
    """Who may speak."""

    host_password: str = Field("", description="The one password of all hosts (the user 'host').")
    host_passwords: dict[str, str] = Field(
        default={}, description='Several hosts as JSON, {"user": "password"}; each owns what it hosted.'
    )
    admin_password: str = Field("", description="Password that always gives power admin (the user 'admin').")
    key_lifetime_hours: int = Field(3, ge=1, le=168, description="A login key's lifetime.")
    login_failures_per_minute: int = Field(
        60, ge=1, description="Failed logins an address may make a minute; a hall is one address."
    )
    votes_per_minute: int = Field(
        120,
        ge=1,
        description="Votes for captions an address may cast a minute; a hall is one address.",
    )

    @property
    def host_logins(self) -> dict[str, str]:
        """Login name → password of everyone who may host."""
        logins = dict(self.host_passwords)
        if self.host_password:
            logins.setdefault("host", self.host_password)
        return logins

    @model_validator(mode="after")
    def _logins_differ(self) -> Self:
        """A password identifies the host, and so who may read: each belongs to one login."""
        if self.host_password and "host" in self.host_passwords:
            raise ValueError(
                "HOST_PASSWORDS names 'host', which is HOST_PASSWORD's login: set one of the two"
            )
        if "admin" in self.host_passwords:
            raise ValueError("HOST_PASSWORDS must not name 'admin': that is ADMIN_PASSWORD's login")
        if not all(0 < len(name) <= LOGIN_NAME_LENGTH for name in self.host_passwords):
            raise ValueError(f"HOST_PASSWORDS: a login name has 1 to {LOGIN_NAME_LENGTH} characters")
        passwords = list(self.host_logins.values())
        if not all(passwords):
            raise ValueError("HOST_PASSWORDS: no password may be empty")
        if len(set(passwords)) < len(passwords):
            raise ValueError("HOST_PASSWORD and HOST_PASSWORDS: each login needs a password of its own")
        if self.admin_password in passwords:
            raise ValueError("ADMIN_PASSWORD must differ from every host password")
        return self
