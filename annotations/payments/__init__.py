"""What participants earn, and how it is paid, once."""
