"""The MLflow mirror: the only package that imports mlflow, and never a source of anything.

MLflow reads its settings when it is imported, so they are set here, before any module of this package.
"""

from __future__ import annotations

import os

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")  # nothing leaves the machine
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # two lines and a request for every run
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")  # its errors reach us as exceptions
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"  # a server is waited for in one place: stores.patiently
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")  # seconds for one answer
