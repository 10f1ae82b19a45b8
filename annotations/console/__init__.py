"""The console: where a study's manager builds it, opens it, and watches it."""
