from django.apps import AppConfig


class PlatformConfig(AppConfig):
    name = "lacie_platform"
    verbose_name = "Platform"

    def ready(self) -> None:
        from lacie_platform import checks  # noqa: F401  # registers them
