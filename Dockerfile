FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt /
RUN /venv/bin/pip install --requirement /requirements.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=settings.production \
    QIANSHU_VAR_DIR=/var/lib/qianshu \
    WEB_BIND=0.0.0.0:8000
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin qianshu \
    && install --directory --owner qianshu --mode 750 /var/lib/qianshu
WORKDIR /srv/qianshu
COPY --from=build /venv /venv
COPY manage.py ./
COPY accounts accounts/
COPY locale locale/
COPY market market/
COPY settings settings/
# Collecting files asks no server anything; the values only let the settings load.
RUN SECRET_KEY=only-to-collect-static-files-while-the-image-is-built-0123456789 ALLOWED_HOSTS=build.invalid \
    DATABASE_URL=postgresql:///build REDIS_URL=redis://build/0 CACHE_URL=redis://build/1 \
    python manage.py collectstatic --no-input
USER qianshu
VOLUME /var/lib/qianshu
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "settings.wsgi", "--config", "python:settings.gunicorn"]
