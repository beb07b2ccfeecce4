"""The ASGI servers, and what each of them lacks for a caption server; `python -m config.servers` runs one.

Whichever runs: closes carry their code and reason; `send` waits until the peer reads; a message is bounded by its path
before it is read, a body before it is held, and all that is unfinished in sum; a request comes within a time or not at all.
"""
