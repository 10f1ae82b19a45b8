from django.apps import AppConfig


class PlatformConfig(AppConfig):
    name = "lacie_platform"
    verbose_name = "Platform"
