"""Makes what the documents show: pictures of the page and the page of rules."""
