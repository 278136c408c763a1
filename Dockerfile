# ebana with ngspice, for the command line: docker build -t ebana . && docker run --rm -v "$PWD:/work" ebana train iris
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ngspice libngspice0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels \
    && useradd --create-home ebana
USER ebana
WORKDIR /work
ENTRYPOINT ["ebana"]
CMD ["--help"]
