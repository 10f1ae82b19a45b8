"""The admin's own name."""

from django.contrib import admin

admin.site.site_header = "LACIE platform"
admin.site.site_title = "LACIE platform admin"
admin.site.index_title = "Everything there is"
