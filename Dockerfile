# The whole service in one image: `cartoon-avatar serve`, or `backend` and `ai` apart.
# docs/operations.md says how it is run, and what of this has been tried.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir "uv>=0.13,<1"
ENV PATH=/uv/bin:$PATH \
    UV_PROJECT_ENVIRONMENT=/opt/cartoon-avatar \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1 \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
WORKDIR /src
# What changes seldom first: a change of the code alone installs nothing anew.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --locked --no-dev --no-cache --no-install-project --extra postgres --extra s3
COPY src ./src
RUN uv sync --locked --no-dev --no-cache --no-editable --extra postgres --extra s3
ENV AI_MODELS_DIR=/opt/models
RUN /opt/cartoon-avatar/bin/cartoon-avatar models fetch

FROM ${PYTHON}
COPY --from=build /opt/cartoon-avatar /opt/cartoon-avatar
COPY --from=build /opt/models /opt/models
# Numbers, so that Kubernetes can see that it is not root. A volume mounted here keeps the mode.
RUN mkdir -m 0700 /data && chown 10001:10001 /data
ENV PATH=/opt/cartoon-avatar/bin:$PATH \
    AI_MODELS_DIR=/opt/models \
    DATA_DIR=/data
USER 10001:10001
WORKDIR /
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# The page, /healthz and all else answer here; of `ai` alone the port is another.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["cartoon-avatar"]
CMD ["serve", "--host", "0.0.0.0"]
