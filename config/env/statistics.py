"""Settings of visits to the pages."""

import re
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from config.env.section import Section

ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?/?")


class StatisticsEnv(Section):
    """Visits to the pages, counted by Umami where you run one."""

    statistics_url: str = Field(
        "",
        description="https://… of an Umami that counts visits of people who are not signed in; empty: nothing is counted.",
    )
    statistics_website_id: UUID | None = Field(None, description="The website's id there.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.statistics_url:
            return self
        if not ORIGIN.fullmatch(self.statistics_url):  # it becomes a part of the policy
            raise ValueError("STATISTICS_URL: https://HOST, without a path")
        if self.statistics_website_id is None:
            raise ValueError("STATISTICS_WEBSITE_ID: the id that Umami gave this website")
        return self
