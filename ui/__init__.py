"""What people touch: command line, web page."""
