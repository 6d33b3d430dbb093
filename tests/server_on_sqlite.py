"""The Prefect server of the tests takes its turns as the box's own does; uvicorn loads it from here."""

from fastapi import FastAPI
from prefect.server.api.server import create_app

from deployments.server.sqlite_begin_immediate import begin_immediately


def server() -> FastAPI:
    begin_immediately()
    return create_app()
