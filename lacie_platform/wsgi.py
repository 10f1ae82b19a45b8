"""WSGI entry point, for servers without websockets; the live pages then poll."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacie_platform.settings")
application = get_wsgi_application()
