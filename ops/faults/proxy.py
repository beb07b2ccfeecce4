"""The proxy in front of the drill's web machines: nginx or Caddy with the files of deploy/, where one is installed."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
PORT = 80
SERVED_BY = "X-Served-By"  # which web machine, in the drill alone
_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_SERVERS = re.compile(r"(?:    server 10\.[0-9.]+:8000 ([^\n]*)\n)+")


def installed() -> str:
    """nginx, caddy, or nothing."""
    return next((name for name in ("nginx", "caddy") if shutil.which(name)), "")


def command(name: str, folder: Path, webs: Sequence[str]) -> list[str]:
    """What runs this proxy in the foreground on PORT, without TLS, in front of these addresses; no name: the stand-in."""
    folder.mkdir(parents=True, exist_ok=True)
    if not name:
        return [sys.executable, "-m", "ops.faults.forwarder", str(PORT), *webs]
    return (_nginx if name == "nginx" else _caddy)(folder, webs)


def nginx_upstreams(webs: Sequence[str]) -> str:
    """deploy/nginx/upstreams.conf with the addresses of the web machines put in, as a user would."""
    text = (DEPLOY / "nginx" / "upstreams.conf").read_text()
    return _SERVERS.sub(lambda found: "".join(f"    server {web} {found[1]}\n" for web in webs), text)


def caddyfile(webs: Sequence[str]) -> str:
    """deploy/caddy/Caddyfile with these addresses, for any name, without TLS."""
    text = (DEPLOY / "caddy" / "Caddyfile").read_text()
    text = text.replace("10.0.0.11:8000 10.0.0.12:8000", " ".join(webs))
    text = text.replace(
        "captions.example {",
        f"http://:{PORT} {{\n\theader {{\n\t\t{SERVED_BY} {{upstream}}\n\t\tdefer\n\t}}",
        1,
    )
    text = text.replace("Host captions.example", "Host localhost")
    return "{\n\tadmin off\n}\n" + text.replace("{upstream}", "{http.reverse_proxy.upstream.hostport}")


def _nginx(folder: Path, webs: Sequence[str]) -> list[str]:
    (folder / "upstreams.conf").write_text(nginx_upstreams(webs))
    main = (DEPLOY / "nginx" / "souffleur.conf").read_text()
    mapped = re.search(r"map .*?\n}\n", main, re.DOTALL)
    paths = "".join(f"  {name}_temp_path {folder / name};\n" for name in _FOLDERS)
    config = (
        f"worker_processes 1;\nuser root;\ndaemon off;\npid {folder / 'pid'};\nerror_log {folder / 'error.log'};\n"
        "events { worker_connections 4096; }\n"
        f"http {{\n  access_log off;\n{paths}  include {folder / 'upstreams.conf'};\n{mapped[0] if mapped else ''}"
        f"  server {{\n    listen {PORT};\n    add_header {SERVED_BY} $upstream_addr always;\n"
        f"    include {DEPLOY / 'nginx' / 'locations.conf'};\n  }}\n}}\n"
    )
    (folder / "nginx.conf").write_text(config)
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def _caddy(folder: Path, webs: Sequence[str]) -> list[str]:
    (folder / "Caddyfile").write_text(caddyfile(webs))
    return [
        "env", f"XDG_DATA_HOME={folder}", f"XDG_CONFIG_HOME={folder}",
        "caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile"),
    ]  # fmt: skip
