"""Pages of the API: `?limit=…&offset=…`, never more than `max_limit` rows at once."""

from rest_framework.pagination import LimitOffsetPagination


class Pages(LimitOffsetPagination):
    default_limit = 100
    max_limit = 1000
