"""Logs: a static message, facts as fields. JSON for machines, columns for people.

The level is that of our own loggers. What libraries say below WARNING is not for logs: at DEBUG they print headers with
cookies, SQL with its values, messages of the broker.
"""

import logging
import logging.config

import structlog

_ADD_EXTRA = structlog.stdlib.ExtraAdder()
OURS = ("ops", "config", "gateways", "asr", "translation", "transcripts", "rooms")


class _OurFaults(logging.Filter):
    """Refusals are no errors of ours: strangers cause them with whatever is in their paths, and "not ready" is answered every 5 s."""

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 500)
        return status >= 500 and status != 503


class _WithoutRequest(logging.Filter):
    """Django hands over whole requests, which print their query strings: keys, tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__.pop("request", None)
        return True


def _add_fields(
    logger: logging.Logger, method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    """The record's `extra`; no field takes the message's place (level, logger and time are added behind)."""
    message = line["event"]
    return {**_ADD_EXTRA(logger, method, line), "event": message}


def logging_config(*, level: str, as_json: bool) -> None:
    """Configure the standard library's logging; `logger.info("message", extra={...})` gives fields."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=False,
            # the pretty one prints local variables: sentences, keys
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    processors: list[structlog.types.Processor] = [
        _add_fields,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        processors.append(structlog.processors.format_exc_info)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "fields": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                    "foreign_pre_chain": processors,
                }
            },
            "filters": {"our_faults": {"()": _OurFaults}, "without_request": {"()": _WithoutRequest}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "fields",
                    "filters": ["without_request"],
                }
            },
            "root": {"handlers": ["stderr"], "level": _at_least_warning(level)},
            "loggers": {
                **{name: {"level": level} for name in OURS},
                "django": {"level": _at_least_warning(level)},  # Django's own configuration says INFO
                # prints the client's Host header and a traceback for every stranger
                "django.security.DisallowedHost": {"level": "CRITICAL"},
                "django.request": {"filters": ["our_faults"]},
            },
        }
    )


def _at_least_warning(level: str) -> str:
    numbers = logging.getLevelNamesMapping()
    return level if numbers.get(level, logging.INFO) > logging.WARNING else "WARNING"
