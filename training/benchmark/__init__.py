"""All methods side by side on the same held-out questions: what is compared, playing it through, the table, and the report."""
