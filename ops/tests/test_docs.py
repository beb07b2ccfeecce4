"""Documents say what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.api_documents import ASYNCAPI, OPENAPI, document_text
from config.env import BASE_DIR, Env
from ops.management.commands.licences_table import pinned_packages
from ops.management.commands.settings_table import sections, settings_page

DOCS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(str(path.relative_to(BASE_DIR)) for path in sorted((BASE_DIR / "docs").rglob("*.md"))),
)
CODE = ("ops", "config", "rooms", "transcripts", "asr", "translation", "gateways")
UNNAMED = {"tests", "migrations"}
HEADINGS = {
    "requirements-image.in": "## Runtime",
    "requirements.in": "## One machine",
    "requirements-torch.in": "## With torch",
    "requirements-dev.in": "## Development",
}


def code_map() -> Iterator[str]:
    """Every path that the map names."""
    text = (BASE_DIR / "ARCHITECTURE.md").read_text().partition("## Code map")[2]
    folders: list[str] = []
    for line in text.split("```")[1].strip("\n").splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r"\s{2,}", line.strip(), maxsplit=1)[0].split()
        prefix = "".join(folders[:depth])
        folders[depth:] = [names[0]]
        yield from (prefix + name for name in names)


def code_files() -> Iterator[Path]:
    """Every Python file of ours but this one, which only speaks of pages."""
    files = (path for folder in CODE for path in (BASE_DIR / folder).rglob("*.py"))
    return (path for path in files if path != Path(__file__))


def test_the_page_of_settings_is_the_one_that_the_code_makes() -> None:
    again = "DEBUG=1 .venv/bin/python manage.py settings_table > docs/settings.md"
    assert (BASE_DIR / "docs" / "settings.md").read_text() == settings_page(), again


@pytest.mark.parametrize("wire", sorted(OPENAPI))
def test_the_schema_of_a_wire_is_the_one_that_the_code_makes(wire: str) -> None:
    again = f"DEBUG=1 .venv/bin/python manage.py openapi_schema {wire} > docs/openapi/{wire}.json"
    page = BASE_DIR / "docs" / "openapi" / f"{wire}.json"
    assert page.read_text("utf-8") == document_text(OPENAPI[wire]()), again


@pytest.mark.parametrize("wire", sorted(ASYNCAPI))
def test_the_schema_of_a_wire_s_sockets_is_the_one_that_the_code_makes(wire: str) -> None:
    again = f"DEBUG=1 .venv/bin/python manage.py asyncapi_schema {wire} > docs/asyncapi/{wire}.json"
    page = BASE_DIR / "docs" / "asyncapi" / f"{wire}.json"
    assert page.read_text("utf-8") == document_text(ASYNCAPI[wire]()), again


def test_every_pinned_package_stands_on_the_page_of_licences() -> None:
    page = (BASE_DIR / "docs" / "licences.md").read_text()
    again = "DEBUG=1 .venv/bin/python manage.py licences_table > docs/licences.md"
    assert [name for name in pinned_packages() if f"| {name} |" not in page] == [], again
    assert "not stated" not in page


def test_every_setting_is_in_one_section_with_a_heading() -> None:
    assert all(heading and names for heading, names in sections())
    assert sorted(name for _, names in sections() for name in names) == sorted(Env.model_fields)


def test_every_path_of_the_code_map_exists() -> None:
    assert [name for name in code_map() if not (BASE_DIR / name).exists()] == []


def test_the_code_map_names_every_package_and_every_folder_at_the_top() -> None:
    named = {name.rstrip("/") for name in code_map()}
    folders = [path.parent.relative_to(BASE_DIR) for path in BASE_DIR.glob("[!.]*/**/__init__.py")]
    packages = {
        str(folder) for folder in folders if not UNNAMED & set(folder.parts) and folder.name != "management"
    }
    assert packages <= named
    assert {"script", "deploy", "docs", "manage.py"} <= named


@pytest.mark.parametrize("source", list(HEADINGS))
def test_every_direct_dependency_has_a_reason(source: str) -> None:
    lines = [line for line in (BASE_DIR / source).read_text().splitlines() if line and line[0] not in "-#"]
    required = [re.split(r"[^A-Za-z0-9_.-]", line)[0].rstrip("~=<>") for line in lines]
    page = (BASE_DIR / "docs" / "dependencies.md").read_text()
    section = page.partition(HEADINGS[source])[2].partition("\n## ")[0]
    explained = re.findall(r"^\| ([\w.-]+) \| \S", section, re.MULTILINE)
    assert sorted(set(explained) - {"package"}) == sorted(required)


@pytest.mark.parametrize("page", DOCS)
def test_links_between_documents_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", (BASE_DIR / page).read_text())
    assert [link for link in links if not leads_somewhere(BASE_DIR / page, *link)] == []


def leads_somewhere(page: Path, path: str, heading: str) -> bool:
    """Is there such a file beside the page, and such a heading in it?"""
    target = page.parent / path if path else page
    if not target.exists() or not heading:
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


def test_every_page_that_code_cites_is_there() -> None:
    sources = list(code_files())
    cited = {
        (str(source.relative_to(BASE_DIR)), page)
        for source in sources
        for page in re.findall(r"\b[\w/-]+\.md\b", source.read_text("utf-8"))
    }
    assert {page for _, page in cited} >= {"docs/wires/conference.md", "ARCHITECTURE.md"}
    places = (BASE_DIR, BASE_DIR / "docs")  # a path in code may be put together
    missing = [cite for cite in sorted(cited) if not any((place / cite[1]).exists() for place in places)]
    assert missing == []


def test_every_decision_that_is_cited_is_there_and_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in sorted((BASE_DIR / "docs" / "decisions").glob("*.md"))]
    assert numbers == sorted(set(numbers))
    sources = list(code_files())
    texts = [path.read_text("utf-8") for path in (*sources, *(BASE_DIR / "docs").rglob("*.md"))]
    cited = {number for text in texts for number in re.findall(r"decisions?[/ (]+(\d{4})\b", text)}
    assert cited - set(numbers) == set()
