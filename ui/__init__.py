"""Shows the page: everything that knows Gradio. It calls `backend`, and `app.py` alone calls it."""
