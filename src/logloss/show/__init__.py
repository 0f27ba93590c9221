"""An answer becomes a picture or a page."""
