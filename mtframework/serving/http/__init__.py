"""The HTTP service: answers, waiting together, events, protocols and the page. No model code."""
