"""While a call goes on: redact each track and write redacted segments."""
