"""A file's text by OpenAI's own SDK: python openai_file.py http://127.0.0.1:8000 KEY talk.mp3 [json|text|srt|vtt|verbose_json]

Needs `pip install openai`. What is said in the file is found out by the server's usual recogniser (docs/wires/ecosystem.md).
"""

import sys
from pathlib import Path

from openai import OpenAI

server, key, path, *wanted = sys.argv[1:]
client = OpenAI(base_url=f"{server}/v1", api_key=key, default_query={"consent": "1"})
with Path(path).open("rb") as file:
    found = client.audio.transcriptions.create(
        file=file, model="whisper-1", response_format=wanted[0] if wanted else "text"
    )
print(found if isinstance(found, str) else found.model_dump_json(indent=2))
